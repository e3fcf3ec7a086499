/**
 * Tables that are added or joined to what a network computes (learned positions, relative biases), as 8-bit codes: a
 * DequantizeLinear makes them float in every run, a pass over the table. Tables that multiply stay in float: exporters
 * compute them (sines of rotary positions), and their error grows with what they multiply.
 */
import type { NodeProto } from 'onnx-buf'
import type { Note } from '../../../shared/domain'
import { makeNode } from '../../onnx/build'
import type { Use } from '../../onnx/graph'
import { type Model, normalDomain } from '../../onnx/model'
import { dataTypeName, tensorCount, tensorDims } from '../../onnx/tensor'
import { codeTable, SMALLEST_TABLE, TABLE_CODING, tableRefusal } from '../coded-table'
import { floatValues, weightScales } from '../weights'

/** Share of a table's values that may round to zero; more of them means that some are too large for the others. */
const LOST = 0.1
/** Larger values stand for "never" in masks; their codes could pass what float32 holds. */
const LARGEST = 1e30

/**
 * Constant float32 tables (two axes of more than one place) that Add, Sub and Concat alone read, by name; notes say why
 * others stay. `coded`: constants that are codes already, since nodes in 8 bits read them.
 */
export function addedTables(
  model: Model,
  exclude: ReadonlySet<NodeProto>,
  coded: ReadonlySet<string>,
): { tables: string[]; notes: Note[] } {
  const { graph, directory } = model
  const tables: string[] = []
  const notes: Note[] = []
  for (const tensor of graph.initializers()) {
    const { name } = tensor
    if (coded.has(name) || dataTypeName(tensor.dataType) !== 'float32') continue
    const dims = tensorDims(tensor)
    if (tensorCount(tensor) < SMALLEST_TABLE || dims.filter(d => d > 1).length < 2) continue
    if (!graph.uses(name).some(adds)) continue
    const reason = tableRefusal(model, name, exclude, adds) ?? coarse(floatValues(tensor, directory), dims)
    if (reason === null) tables.push(name)
    else {
      const message = `The table ${name} stays in float: ${reason}.`
      notes.push({ code: 'left-in-float', severity: 'info', node: name, message })
    }
  }
  return { tables, notes }
}

function adds({ node }: Use): boolean {
  return normalDomain(node.domain) === '' && /^(Add|Sub|Concat)$/.test(node.opType)
}

/** Whether one scale serves all values: a reason when it does not. */
function coarse(values: Float32Array, dims: readonly number[]): string | null {
  const weight = weightScales(values, dims, null, TABLE_CODING)
  const step = weight.scales[0] ?? 1
  if (step > LARGEST) return 'its values are too large for codes'
  let [some, lost] = [0, 0]
  for (const value of values) {
    if (value === 0) continue
    some++
    if (Math.abs(value) < step / 2) lost++
  }
  const share = lost / Math.max(1, some)
  return share <= LOST ? null : `${Math.round(100 * share)} % of its values are too small beside the largest`
}

/** Stores one as codes; false where the model has none of that name. */
export function writeAddedTable(model: Model, name: string): boolean {
  const { graph } = model
  const table = codeTable(model, name)
  if (!table) return false
  const output = graph.freshName(`${name}_dq`)
  graph.replaceUses(name, output)
  graph.add(makeNode('DequantizeLinear', [table.codes, table.scale], [output]))
  return true
}
