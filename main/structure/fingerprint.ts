/**
 * Numbers for pieces of a graph, equal exactly when the pieces compute the same with other weights of the same shapes.
 * Names do not count; constants that are no weights do.
 */
import { toBinary } from '@bufbuild/protobuf'
import type { NodeProto, TensorProto } from 'onnx-buf'
import { AttributeProtoSchema } from 'onnx-buf'
import { normalDomain } from '../onnx/model'
import { dataTypeName, tensorBytes, tensorCount } from '../onnx/tensor'
import { readsShapeOnly } from './dominators'
import type { Structure } from './groups'

const COMMUTATIVE = /^(Add|Mul|Sum|Max|Min|And|Or|Equal)$/

/** What lies between two values of the stream. */
export interface Piece {
  fingerprint: number
  /** Weights of more than one element. */
  weights: number
  operators: string[]
}

export class Fingerprints {
  private readonly numbers = new Map<string, number>()

  constructor(private readonly structure: Structure) {}

  /** The piece that makes `to` from `from`. */
  between(from: string, to: string): Piece {
    const known = new Map<string, number>([[from, this.number('stream')]])
    const piece: Piece = { fingerprint: 0, weights: 0, operators: [] }
    piece.fingerprint = this.value(to, known, piece)
    piece.operators.sort()
    return piece
  }

  /** The shape of a value at both sizes. */
  shape(name: string): string {
    const { dims, other, types } = this.structure.sized
    return `${types.get(name)?.type} ${dims.get(name)} ${other.get(name)}`
  }

  private value(name: string, known: Map<string, number>, piece: Piece): number {
    const found = known.get(name)
    if (found !== undefined) return found
    const { graph } = this.structure.model
    const node = graph.producer(name)
    const tensor = graph.initializer(name)
    // Exporters let equal weights share a tensor through Identity.
    if (node?.opType === 'Identity') return this.value(node.input[0] ?? '', known, piece)
    const result = node
      ? this.number(`${this.node(node, known, piece)} ${node.output.indexOf(name)}`)
      : this.number(tensor ? this.tensor(tensor, piece) : `input ${name}`)
    known.set(name, result)
    return result
  }

  private node(node: NodeProto, known: Map<string, number>, piece: Piece): string {
    const attributes = [...node.attribute]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(a => Buffer.from(toBinary(AttributeProtoSchema, a)).toString('latin1'))
    const op = `${normalDomain(node.domain)}:${node.opType}`
    if (readsShapeOnly(node)) return `${op} ${this.shape(node.input[0] ?? '')} ${attributes}`
    piece.operators.push(op)
    const inputs = node.input.map(name => (name === '' ? -1 : this.value(name, known, piece)))
    if (COMMUTATIVE.test(node.opType)) inputs.sort((a, b) => a - b)
    return `${op} ${inputs} ${attributes}`
  }

  private tensor(tensor: TensorProto, piece: Piece): string {
    const type = dataTypeName(tensor.dataType)
    const shape = `${type} [${tensor.dims}]`
    const learnt = /^(b?float|u?int8)/.test(type) && tensorCount(tensor) > 1
    if (learnt) piece.weights++
    if (learnt || type === 'string') return shape
    const bytes = tensorBytes(tensor, this.structure.model.directory)
    return `${shape} ${Buffer.from(bytes).toString('latin1')}`
  }

  private number(key: string): number {
    const found = this.numbers.get(key)
    if (found !== undefined) return found
    this.numbers.set(key, this.numbers.size)
    return this.numbers.size - 1
  }
}
