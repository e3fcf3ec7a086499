/**
 * Embedding tables in blocks: Gather of constant rows, in one of two forms.
 *
 * `nbits`: com.microsoft GatherBlockQuantized of uint8 [rows, width · bits / 8], the first nibble in the low half, with
 *   scales       float32 [rows, blocks]
 *   zero_points  uint8 [rows, ceil(blocks · bits / 8)], packed likewise; absent it is 8, or 128 for 8 bits
 *
 * `dequantize`: Gather of uint8 (int8) codes, of their scales and zero points, then DequantizeLinear in blocks of what
 * was gathered; so no run dequantizes the whole table. Always 8 bits: Gather reads no codes of 4.
 */
import type { NodeProto } from 'onnx-buf'
import type { Note } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import { breathe, type TaskContext } from '../../jobs/context'
import { intAttribute, makeNode } from '../../onnx/build'
import { describeNode } from '../../onnx/graph'
import { type Model, normalDomain } from '../../onnx/model'
import { dataTypeName, makeTensor, tensorCount, tensorDims } from '../../onnx/tensor'
import { gathersRows, tableRefusal } from '../coded-table'
import { importMicrosoft, MICROSOFT } from '../microsoft'
import { nodeId, nodeLabel } from '../names'
import { floatValues } from '../weights'
import { codeBlocks } from './blocks'
import { type Bits, middleCode } from './grid'
import type { BlockDecisions } from './options'
import { packRows } from './pack'

/** A Gather whose rows become codes. */
export interface EmbeddingTable {
  /** First output of the node. */
  id: string
  table: string
  rows: number
  width: number
}

export interface TableOptions {
  form: 'nbits' | 'dequantize'
  bits: Bits
  group: number
  /** Tables with fewer values stay. */
  least: number
  exclude: ReadonlySet<NodeProto>
}

/** Bits of the codes of tables. */
export function tableBits({ form, bits }: Pick<TableOptions, 'form' | 'bits'>): Bits {
  return form === 'nbits' ? bits : 8
}

/** Chooses, and says of every other Gather of float32 rows why not. External tables are read. */
export function embeddingTables(
  model: Model,
  options: TableOptions,
): { tables: EmbeddingTable[]; notes: Note[] } {
  const tables: EmbeddingTable[] = []
  const notes: Note[] = []
  for (const node of model.graph.nodes) {
    if (node.opType !== 'Gather' || normalDomain(node.domain) !== '') continue
    const tensor = model.graph.initializer(node.input[0] ?? '')
    const floats = tensor && dataTypeName(tensor.dataType) === 'float32' && tensor.dims.length >= 2
    if (!floats || tensorCount(tensor) < options.least) continue
    const reason = refusal(model, node, options)
    if (reason) {
      const message = `The table of ${describeNode(node)} stays in float: ${reason}.`
      notes.push({ code: 'left-in-float', severity: 'info', node: nodeLabel(node), message })
    } else {
      const [rows, width] = tensorDims(tensor) as [number, number]
      tables.push({ id: nodeId(node), table: tensor.name, rows, width })
    }
  }
  return { tables, notes }
}

function refusal(model: Model, node: NodeProto, options: TableOptions): string | null {
  const name = node.input[0] ?? ''
  const tensor = model.graph.initializer(name)
  const [, width, ...more] = tensor ? tensorDims(tensor) : []
  if (width === undefined || more.length > 0) return 'its table is not a matrix'
  const axis = intAttribute(node, 'axis', 0)
  if (axis !== 0 && axis !== -2) return 'it picks columns'
  const bits = tableBits(options)
  if (bits === 4 && width % 2 === 1) return `rows of ${width} codes of 4 bits do not fill bytes`
  const coded = (width * bits) / 8 + 4 * Math.ceil(width / options.group)
  if (coded >= 4 * width) return `rows of ${width} would take no less room in blocks of ${options.group}`
  return tableRefusal(model, name, options.exclude, gathersRows)
}

/** Writes all tables, rounded to nearest or by HQQ. Throws `internal` when the model does not have one. */
export async function writeTables(
  model: Model,
  decisions: BlockDecisions,
  context?: TaskContext,
): Promise<void> {
  const { graph } = model
  const written = new Map<string, string[]>()
  for (const { id, table, rows, width } of decisions.tables) {
    const node = graph.producer(id)
    const tensor = graph.initializer(table)
    if (node?.opType !== 'Gather' || !tensor) {
      throw new BantamError('internal', 'The plan names what the model does not have.', { where: id })
    }
    const names = written.get(table) ?? (await storeTable(model, table, { rows, width }, decisions, context))
    written.set(table, names)
    if (decisions.form === 'nbits') gatherBlocks(model, node, names, decisions)
    else gatherThenDequantize(model, node, names, decisions)
  }
}

/** Codes, scales and zero points as constants; answers their names. */
async function storeTable(
  model: Model,
  table: string,
  { rows, width }: { rows: number; width: number },
  decisions: BlockDecisions,
  context?: TaskContext,
): Promise<string[]> {
  const { graph, directory } = model
  const tensor = graph.initializer(table)
  const { form, group, symmetric } = decisions
  const bits = tableBits(decisions)
  const rounding = decisions.rounding === 'hqq' ? 'hqq' : 'nearest'
  const pause = context && (() => breathe(context))
  const { codes, scales, zeros, count } = await codeBlocks(
    tensor ? floatValues(tensor, directory) : new Float32Array(rows * width),
    { k: width, n: rows, transposed: true },
    { bits, group, symmetric, rounding, fractional: false },
    1,
    pause,
  )
  const name = (part: string) => graph.freshName(`${table}_${part}`)
  const type = form === 'dequantize' && symmetric ? 'int8' : 'uint8'
  const bytes = packRows(codes, rows, width, bits)
  const signed = type === 'int8' ? Int8Array.from(codes, code => code - middleCode(bits)) : bytes
  const made = [
    makeTensor(name(`${type === 'int8' ? '' : 'u'}int${bits}`), type, [rows, bytes.length / rows], signed),
    makeTensor(name('scales'), 'float32', [rows, count], scales),
  ]
  if (!symmetric) {
    const packed = packRows(zeros, rows, count, bits)
    made.push(makeTensor(name('zero_points'), 'uint8', [rows, packed.length / rows], packed))
  }
  for (const constant of made) graph.setInitializer(constant)
  return made.map(constant => constant.name)
}

function gatherBlocks(
  model: Model,
  node: NodeProto,
  names: readonly string[],
  decisions: BlockDecisions,
): void {
  const { graph } = model
  const [codes, ...others] = names as [string, ...string[]]
  const attributes = {
    gather_axis: 0n,
    quantize_axis: 1n,
    block_size: BigInt(decisions.group),
    bits: BigInt(decisions.bits),
  }
  const next = graph.nodes[graph.nodes.indexOf(node) + 1]
  const about = { name: node.name, domain: MICROSOFT }
  graph.remove([node])
  const inputs = [codes, node.input[1] ?? '', ...others]
  graph.add(makeNode('GatherBlockQuantized', inputs, [node.output[0] ?? ''], attributes, about), next)
  importMicrosoft(model)
}

function gatherThenDequantize(
  model: Model,
  node: NodeProto,
  names: readonly string[],
  decisions: BlockDecisions,
): void {
  const { graph } = model
  const output = node.output[0] ?? ''
  const next = graph.nodes[graph.nodes.indexOf(node) + 1]
  graph.remove([node])
  const gathered = names.map(name => {
    const rows = graph.freshName(`${output}_${name}`)
    graph.add(makeNode('Gather', [name, node.input[1] ?? ''], [rows], { axis: 0n }, { name: rows }), next)
    return rows
  })
  const attributes = { axis: -1n, block_size: BigInt(decisions.group) }
  graph.add(makeNode('DequantizeLinear', gathered, [output], attributes, { name: node.name }), next)
}
