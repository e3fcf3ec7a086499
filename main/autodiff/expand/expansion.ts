/**
 * What takes an operator apart into simpler ones that have gradients. Weights that go in stay the initializers they
 * are, read by Slice, Split or Transpose nodes where a part of them is needed, so that their gradients have their shape.
 */
import type { NodeProto } from 'onnx-buf'
import type { Builder, Value } from '../../operators/builder'

/** Where an operator is taken apart. */
export interface Place {
  readonly m: Builder
  readonly node: NodeProto
  /** Inputs by position. Throws `Declined` when the type or rank of one is not known. */
  input(index: number): Value
  has(index: number): boolean
  /** What is known of an output. Throws `Declined` when it is nothing. */
  output(index?: number): Value
  /** True when the node gives an output there that somebody reads. */
  wants(index: number): boolean
  /** Values of an input that is a constant of the graph; undefined when it is computed or trained. */
  constant(index: number): number[] | undefined
  /** True when an input is surely all zeros, as the initial states that exporters write. */
  isZero(index: number): boolean
}

/** The outputs by position; those nobody wants may be undefined. Throws `Declined` when the node must stay. */
export type Expansion = (place: Place) => (Value | undefined)[]

/** Why a node is left as it is: told to the user when the gradient would have to flow through it. */
export class Declined extends Error {}

/** Why nodes could not be taken apart, by their first outputs. */
export type Reasons = ReadonlyMap<string, string>
