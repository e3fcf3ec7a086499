/** What a pass over a graph is, and what passes share. */
import type { NodeProto, TensorProto } from 'onnx-buf'
import type { Note } from '../../../shared/domain'
import type { Tensor } from '../../runtime/tensor'
import { describeNode } from '../graph'
import type { Model } from '../model'
import { tensorValues } from '../tensor'

export interface PassResult {
  model: Model
  modified: boolean
  /** What was done, and what was declined and why. */
  notes: Note[]
}

/** Takes a model and returns a changed copy (or the model itself). Results differ by float noise at most. */
export interface Pass {
  id: string
  run(model: Model): PassResult | Promise<PassResult>
}

/** What was done, in one line. */
export function done(code: string, message: string): Note {
  return { code, severity: 'info', message }
}

/** What was left as it is, with the reason. */
export function declined(code: string, node: NodeProto, reason: string): Note {
  return {
    code,
    severity: 'info',
    message: `${describeNode(node)} was left as it is: ${reason}`,
    node: node.name,
  }
}

/** The constant a value is; undefined for values computed at run time and for initializers a caller may replace. */
export function constantOf(model: Model, value: string): TensorProto | undefined {
  const tensor = model.graph.initializer(value)
  return tensor && !model.graph.isInput(value) ? tensor : undefined
}

/** The constant's values; undefined when the value is no constant, or is absent (''). */
export function constantValues(model: Model, value: string | undefined): Tensor | undefined {
  const tensor = value ? constantOf(model, value) : undefined
  return tensor && tensorValues(tensor, model.directory)
}

/** `1 node`, `2 nodes`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
