/**
 * What the engine knows of an operator: one row per operator, one file per family, one facet per question.
 * A new facet is a new field here; the compiler then names every family that lacks it.
 *
 * Cost counts multiply-accumulates: products that are summed, as in convolutions, matrix products, recurrent cells and
 * attention. Element-wise arithmetic, activations, normalization, pooling, interpolation and data movement count zero
 * by convention, as in the literature: they are bound by memory, not by arithmetic. An operator that has products of
 * unknown number says so and is never counted as zero.
 */
import type { NodeProto } from 'onnx-buf'
import type { Gradient } from './gradient'

/** The dimensions of a value, or undefined when they are not all known. */
export type Shapes = (value: string) => readonly number[] | undefined

/** Multiply-accumulates of one run of the node, or why they cannot be said. */
export type Cost = { macs: number } | { unknown: string }

export type CostRule = (node: NodeProto, shapes: Shapes) => Cost

/** The part of a row that says what the operator costs. */
export interface CostRow {
  cost: CostRule
}

export interface OpRow extends CostRow {
  gradient: Gradient
}

/** A whole row: every facet at once. */
export function row(cost: CostRow, gradient: Gradient): OpRow {
  return { cost: cost.cost, gradient }
}

/** No products that are summed: known to cost zero multiply-accumulates. */
export const free: CostRow = { cost: () => ({ macs: 0 }) }

/** A row whose cost cannot be told from shapes. */
export function unknownCost(reason: string): CostRow {
  return { cost: () => ({ unknown: reason }) }
}

/** What a rule returns when a shape it needs is not known. */
export const SHAPES_UNKNOWN: Cost = { unknown: 'The shapes of its inputs are not known.' }

/** A row whose rule gets the dimensions of the inputs at `needs`; without one of them the cost is unknown. */
export function fromInputs(
  needs: readonly number[],
  macs: (dims: readonly (readonly number[])[], node: NodeProto, shapes: Shapes) => number | undefined,
): CostRow {
  return {
    cost(node, shapes) {
      const dims: (readonly number[])[] = []
      for (const index of needs) {
        const shape = shapes(node.input[index] ?? '')
        if (!shape) return SHAPES_UNKNOWN
        dims.push(shape)
      }
      const count = macs(dims, node, shapes)
      return count === undefined ? SHAPES_UNKNOWN : { macs: count }
    },
  }
}

/** Product of dimensions; 1 for none. */
export function product(dims: readonly number[]): number {
  return dims.reduce((all, d) => all * d, 1)
}
