/** Embedding tables as 8-bit codes: rows are gathered as codes, and a DequantizeLinear makes them float. */
import type { NodeProto } from 'onnx-buf'
import type { Note } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import { makeNode } from '../../onnx/build'
import { describeNode, type Graph } from '../../onnx/graph'
import { type Model, normalDomain } from '../../onnx/model'
import { dataTypeName, tensorCount } from '../../onnx/tensor'
import { type CodedTable, codeTable, gathersRows, SMALLEST_TABLE, tableRefusal } from '../coded-table'
import { nodeId, nodeLabel } from '../names'
import { addedTables, writeAddedTable } from './added-tables'

/**
 * Gathers of constant float32 tables that nothing else reads, by their first outputs, and constants that are added, by
 * their names; notes say why others stay. `coded`: constants that are codes already.
 */
export function tablesOf(
  model: Model,
  exclude: ReadonlySet<NodeProto>,
  coded: ReadonlySet<string> = new Set(),
): { tables: string[]; added: string[]; notes: Note[] } {
  const { graph } = model
  const tables: string[] = []
  const notes: Note[] = []
  for (const node of graph.nodes) {
    const tensor = graph.initializer(node.input[0] ?? '')
    if (node.opType !== 'Gather' || normalDomain(node.domain) !== '' || !tensor) continue
    const small = tensor.dims.length !== 2 || tensorCount(tensor) < SMALLEST_TABLE
    if (small || dataTypeName(tensor.dataType) !== 'float32') continue
    const reason = tableRefusal(model, tensor.name, exclude, gathersRows)
    if (reason === null) tables.push(nodeId(node))
    else {
      const message = `The table of ${describeNode(node)} stays in float: ${reason}.`
      notes.push({ code: 'left-in-float', severity: 'info', node: nodeLabel(node), message })
    }
  }
  const added = addedTables(model, exclude, coded)
  return { tables, added: added.tables, notes: [...notes, ...added.notes] }
}

/**
 * Stores tables as codes: those of Gathers, named by their first outputs, and added ones. Throws `internal` for one that
 * is not there.
 */
export function writeTables(model: Model, gathers: readonly string[], added: readonly string[]): void {
  const { graph } = model
  const known = new Map<string, CodedTable>()
  for (const id of gathers) {
    const node = graph.producer(id)
    const name = node?.input[0] ?? ''
    const table = known.get(name) ?? codeTable(model, name)
    if (!node || !table) throw missing(id)
    known.set(name, table)
    graph.remove([node])
    gatherCodes(graph, node, table)
  }
  for (const name of added) if (!writeAddedTable(model, name)) throw missing(name)
  graph.removeUnusedInitializers()
  graph.sort()
}

function missing(where: string): BantamError {
  return new BantamError('internal', 'The plan names a table that the model does not have.', { where })
}

/** Adds the Gather of codes and the DequantizeLinear that makes what the Gather of floats made. */
export function gatherCodes(graph: Graph, node: NodeProto, table: CodedTable): void {
  const output = node.output[0] as string
  const rows = graph.freshName(`${output}_q`)
  const inputs = [table.codes, node.input[1] as string]
  const gather = makeNode('Gather', inputs, [rows], {}, { name: node.name || output })
  gather.attribute = [...node.attribute]
  graph.add(gather)
  graph.add(makeNode('DequantizeLinear', [rows, table.scale], [output]))
}
