/** Embedding tables as 8-bit codes: rows are gathered as codes, and a DequantizeLinear makes them float. */
import type { NodeProto } from 'onnx-buf'
import type { Note } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import { makeNode } from '../../onnx/build'
import { describeNode, type Graph } from '../../onnx/graph'
import { type Model, normalDomain } from '../../onnx/model'
import { dataTypeName, makeTensor, tensorCount, tensorDims } from '../../onnx/tensor'
import { nodeId, nodeLabel } from '../names'
import { allFinite, floatValues, quantizeWeight, weightScales } from '../weights'

/** Tables smaller than this gain nothing worth their rounding. */
export const SMALLEST_TABLE = 4096

const CODING = { type: 'int8', reduced: false } as const

/** Gathers of constant float32 tables that nothing else reads, by their first outputs; notes say why others stay. */
export function tablesOf(model: Model, exclude: ReadonlySet<NodeProto>): { tables: string[]; notes: Note[] } {
  const { graph } = model
  const tables: string[] = []
  const notes: Note[] = []
  for (const node of graph.nodes) {
    const tensor = graph.initializer(node.input[0] ?? '')
    if (node.opType !== 'Gather' || normalDomain(node.domain) !== '' || !tensor) continue
    const small = tensor.dims.length !== 2 || tensorCount(tensor) < SMALLEST_TABLE
    if (small || dataTypeName(tensor.dataType) !== 'float32') continue
    const reason = refusal(model, node, exclude)
    if (reason === null) tables.push(nodeId(node))
    else {
      const message = `The table of ${describeNode(node)} stays in float: ${reason}.`
      notes.push({ code: 'left-in-float', severity: 'info', node: nodeLabel(node), message })
    }
  }
  return { tables, notes }
}

function refusal(model: Model, node: NodeProto, exclude: ReadonlySet<NodeProto>): string | null {
  const { graph, directory } = model
  const name = node.input[0] ?? ''
  const tensor = graph.initializer(name)
  if (exclude.has(node)) return 'excluded'
  if (graph.isInput(name)) return 'the model lets its callers replace it'
  if (graph.isOutput(name)) return 'it is an output of the model'
  const other = graph.uses(name).find(use => use.index !== 0 || use.node.opType !== 'Gather')
  if (other) return `${describeNode(other.node)} reads it too, and it would be stored twice`
  return tensor && allFinite(floatValues(tensor, directory)) ? null : 'its values are not all finite'
}

/** Stores the tables of Gathers, named by their first outputs, as codes. Throws `internal` for one that is not there. */
export function writeTables(model: Model, ids: readonly string[]): void {
  const { graph, directory } = model
  const known = new Map<string, Table>()
  for (const id of ids) {
    const node = graph.producer(id)
    const name = node?.input[0] ?? ''
    const tensor = graph.initializer(name)
    if (!node || !tensor) {
      throw new BantamError('internal', 'The plan names a table that the model does not have.', { where: id })
    }
    let table = known.get(name)
    if (!table) {
      const [values, dims] = [floatValues(tensor, directory), tensorDims(tensor)]
      const scales = weightScales(values, dims, null, CODING)
      table = {
        codes: graph.freshName(`${name}_quantized`),
        scale: graph.freshName(`${name}_scale`),
        zero: graph.freshName(`${name}_zero_point`),
      }
      graph.setInitializer(
        makeTensor(table.codes, 'int8', dims, quantizeWeight(values, dims, scales, CODING)),
      )
      graph.setInitializer(makeTensor(table.scale, 'float32', [], scales.scales))
      graph.setInitializer(makeTensor(table.zero, 'int8', [], [scales.zeroPoint]))
      known.set(name, table)
    }
    graph.remove([node])
    gatherCodes(graph, node, table)
  }
  graph.removeUnusedInitializers()
  graph.sort()
}

/** Names of a table's parts. */
interface Table {
  codes: string
  scale: string
  zero: string
}

/** Adds the Gather of codes and the DequantizeLinear that makes what the Gather of floats made. */
export function gatherCodes(graph: Graph, node: NodeProto, table: Table): void {
  const output = node.output[0] as string
  const rows = graph.freshName(`${output}_codes`)
  const gather = makeNode(
    'Gather',
    [table.codes, node.input[1] as string],
    [rows],
    {},
    { name: node.name || rows },
  )
  gather.attribute = [...node.attribute]
  graph.add(gather)
  const name = graph.freshName(`${output}_dq`)
  graph.add(makeNode('DequantizeLinear', [rows, table.scale, table.zero], [output], {}, { name }))
}
