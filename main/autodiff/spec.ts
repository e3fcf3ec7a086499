/** What a gradient spec is: an operator on inputs that a test draws. Imported by tests only. */
import type { AttributeValue } from '../onnx/build'

export interface RealInput {
  dims: number[]
  domain?: [number, number]
  avoid?: number[]
  distinct?: boolean
  /** Given as a constant, not differentiated. */
  fixed?: number[]
  /** Float32 whatever the others are. */
  plain?: boolean
}

export interface IntegerInput {
  ints: number[]
  dims?: number[]
  bool?: boolean
  int32?: boolean
}

export interface GradientSpec {
  op: string
  /** undefined: an absent optional input. */
  inputs: (RealInput | IntegerInput | undefined)[]
  attributes?: Record<string, AttributeValue>
  /** How many outputs, or at which places, all of them reals that reach the loss; 1 when absent. */
  outputs?: number | number[]
  /** ai.onnx version; 17 when absent. */
  opset?: number
  training?: boolean
  /** Float32 even where there is a float64 kernel: it computes in float32 inside, or the op is about float32. */
  single?: boolean
}
