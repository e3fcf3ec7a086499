/** What all constant tables stored as 8-bit codes have in common: when they may be, and the codes. */
import type { NodeProto } from 'onnx-buf'
import { describeNode, type Use } from '../onnx/graph'
import type { Model } from '../onnx/model'
import { makeTensor, tensorDims } from '../onnx/tensor'
import { allFinite, floatValues, quantizeWeight, weightScales } from './weights'

/** Tables smaller than this gain nothing worth their rounding. */
export const SMALLEST_TABLE = 4096

/** Symmetric, with one scale, so that no zero point is needed. */
export const TABLE_CODING = { type: 'int8', reduced: false } as const

/** Names of a table's parts; its zero point is 0. */
export interface CodedTable {
  codes: string
  scale: string
}

/**
 * Why a table cannot be stored as codes, in words; null where nothing stands against it. `reads`: the uses that are
 * served with codes; any other would need the floats beside them.
 */
export function tableRefusal(
  { graph, directory }: Model,
  name: string,
  exclude: ReadonlySet<NodeProto>,
  reads: (use: Use) => boolean,
): string | null {
  const tensor = graph.initializer(name)
  const uses = graph.uses(name)
  if (!tensor) return 'it is computed'
  if (uses.some(use => exclude.has(use.node))) return 'excluded'
  if (graph.isInput(name)) return 'the model lets its callers replace it'
  if (graph.isOutput(name)) return 'it is an output of the model'
  const other = uses.find(use => !reads(use))
  if (other) return `${describeNode(other.node)} reads it too, and it would be stored twice`
  return allFinite(floatValues(tensor, directory)) ? null : 'its values are not all finite'
}

/** A use as the table whose rows a Gather picks. */
export function gathersRows({ node, index }: Use): boolean {
  return node.opType === 'Gather' && index === 0
}

/** Adds codes and scale of a constant; undefined where the model has none of that name. */
export function codeTable({ graph, directory }: Model, name: string): CodedTable | undefined {
  const tensor = graph.initializer(name)
  if (!tensor) return undefined
  const [values, dims] = [floatValues(tensor, directory), tensorDims(tensor)]
  const weight = weightScales(values, dims, null, TABLE_CODING)
  const table = { codes: graph.freshName(`${name}_q`), scale: graph.freshName(`${name}_s`) }
  graph.setInitializer(
    makeTensor(table.codes, 'int8', dims, quantizeWeight(values, dims, weight, TABLE_CODING)),
  )
  graph.setInitializer(makeTensor(table.scale, 'float32', [], weight.scales))
  return table
}
