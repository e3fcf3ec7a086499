/** Writing the decisions of dynamic int8 quantization into the graph. */
import type { NodeProto, TensorProto } from 'onnx-buf'
import { z } from 'zod'
import { BantamError } from '../../shared/errors'
import { floatAttribute, intAttribute, irVersionFor, makeNode } from '../onnx/build'
import type { Model } from '../onnx/model'
import { makeTensor, tensorDims } from '../onnx/tensor'
import { importMicrosoft, MICROSOFT } from './microsoft'
import { nodeId } from './names'
import { dropStaleShapes } from './qdq'
import { Smoothing } from './smooth/options'
import { writeAddedTable } from './static/added-tables'
import { gatherCodes } from './static/tables'
import { raiseOpset } from './upgrade'
import { floatValues, quantizeWeight } from './weights'

export const DynamicDecisions = z.object({
  /** Operator set of the result. */
  opset: z.number().int(),
  reduced: z.boolean(),
  /** Inputs of dense layers that are smoothed. */
  smoothing: z.array(Smoothing).default([]),
  /** Tables that are added to what is computed, stored as codes, by their names. */
  added: z.array(z.string()).default([]),
  nodes: z.array(
    z.object({
      /** First output of the node. */
      id: z.string(),
      kind: z.enum(['matmul', 'gemm', 'lstm', 'gather', 'conv']),
      type: z.enum(['int8', 'uint8']),
      weights: z.array(
        z.object({
          position: z.number().int(),
          axis: z.number().int().nullable(),
          scales: z.array(z.number().positive()),
          zeroPoint: z.number().int(),
        }),
      ),
    }),
  ),
})
export type DynamicDecisions = z.infer<typeof DynamicDecisions>

type Entry = DynamicDecisions['nodes'][number]
type Weight = Entry['weights'][number]
/** Names of a quantized weight's parts. */
interface Coded {
  codes: string
  scale: string
  zero: string
}
/** Names of a dynamically quantized activation's parts. */
type Activation = Coded

export class DynamicWriter {
  private readonly activations = new Map<string, Activation>()
  private readonly coded = new Map<string, Coded>()

  constructor(
    private readonly model: Model,
    private readonly decisions: DynamicDecisions,
  ) {}

  /** Edits the model. Throws `internal` when a name of the plan is not in the model. */
  write(): void {
    const { model, decisions } = this
    const { graph } = model
    if (model.opset() < decisions.opset) raiseOpset(model, decisions.opset)
    const byId = new Map(graph.nodes.map(node => [nodeId(node), node]))
    for (const entry of decisions.nodes) {
      const node = byId.get(entry.id)
      if (!node)
        throw new BantamError('internal', 'The plan names a node that the model does not have.', {
          where: entry.id,
        })
      this.replace(node, entry)
    }
    for (const name of decisions.added) {
      if (!writeAddedTable(model, name))
        throw new BantamError('internal', 'The plan names a table that the model does not have.', {
          where: name,
        })
    }
    graph.removeUnusedInitializers()
    graph.sort()
    dropStaleShapes(model)
    const ir = BigInt(Math.max(4, irVersionFor(model.opset())))
    if (model.proto.irVersion < ir) model.proto.irVersion = ir
  }

  private replace(node: NodeProto, entry: Entry): void {
    const { graph } = this.model
    graph.remove([node])
    const weight = entry.weights[0] as Weight
    switch (entry.kind) {
      case 'gather':
        gatherCodes(graph, node, this.code(node, entry, weight, false))
        break
      case 'lstm':
        this.lstm(node, entry)
        break
      case 'conv':
        this.product(node, 'ConvInteger', this.code(node, entry, weight, false), node.input[2])
        break
      case 'matmul':
        this.product(node, 'MatMulInteger', this.code(node, entry, weight, false), undefined)
        break
      case 'gemm': {
        const transposed = intAttribute(node, 'transB', 0) !== 0
        this.product(node, 'MatMulInteger', this.code(node, entry, weight, transposed), this.scaledBias(node))
      }
    }
  }

  /** Output = Cast(op(x, w, z_x, z_w)) · (s_x · s_w) + bias. */
  private product(node: NodeProto, op: string, weight: Coded, bias: string | undefined): void {
    const { graph } = this.model
    const output = node.output[0] as string
    const x = this.activation(node.input[0] as string)
    const name = (part: string) => graph.freshName(`${output}_${part}`)
    const [sums, real, scale] = [name('int32'), name('float'), name('scale')]
    const kept = op === 'ConvInteger' ? node.attribute : []
    const product = makeNode(
      op,
      [x.codes, weight.codes, x.zero, weight.zero],
      [sums],
      {},
      { name: node.name || sums },
    )
    product.attribute = [...kept]
    graph.add(product)
    graph.add(makeNode('Cast', [sums], [real], { to: 1n }))
    graph.add(makeNode('Mul', [x.scale, weight.scale], [scale]))
    const scaled = bias ? name('scaled') : output
    graph.add(makeNode('Mul', [real, scale], [scaled]))
    if (bias) {
      const added = op === 'ConvInteger' ? this.channelBias(node, bias) : bias
      graph.add(makeNode('Add', [scaled, added], [output]))
    }
  }

  /** A Conv's bias as [C, 1, …, 1]. */
  private channelBias(node: NodeProto, bias: string): string {
    const { graph, directory } = this.model
    const spatial = this.initializer(node.input[1] as string).dims.length - 2
    const values = floatValues(this.initializer(bias), directory)
    const name = graph.freshName(`${bias}_channels`)
    const ones = Array.from({ length: spatial }, () => 1)
    graph.setInitializer(makeTensor(name, 'float32', [values.length, ...ones], values))
    return name
  }

  /** A Gemm's C with beta multiplied in. */
  private scaledBias(node: NodeProto): string | undefined {
    const bias = node.input[2]
    const beta = floatAttribute(node, 'beta', 1)
    if (!bias || beta === 1) return bias || undefined
    const { graph } = this.model
    const factor = graph.freshName(`${bias}_beta`)
    graph.setInitializer(makeTensor(factor, 'float32', [], [beta]))
    const scaled = graph.freshName(`${bias}_scaled`)
    graph.add(makeNode('Mul', [bias, factor], [scaled], {}, { name: scaled }))
    return scaled
  }

  /** com.microsoft DynamicQuantizeLSTM: weights are [directions, inputs, 4·hidden], one scale per direction. */
  private lstm(node: NodeProto, entry: Entry): void {
    const { graph } = this.model
    const [w, r] = entry.weights.map(weight => this.code(node, entry, weight, true)) as [Coded, Coded]
    const input = (i: number) => node.input[i] ?? ''
    const inputs = [
      input(0),
      w.codes,
      r.codes,
      ...[3, 4, 5, 6, 7].map(input),
      w.scale,
      w.zero,
      r.scale,
      r.zero,
    ]
    const made = makeNode(
      'DynamicQuantizeLSTM',
      inputs,
      node.output,
      {},
      { name: node.name, domain: MICROSOFT },
    )
    made.attribute = node.attribute.filter(a => a.name !== 'layout')
    graph.add(made)
    importMicrosoft(this.model)
  }

  private activation(value: string): Activation {
    const known = this.activations.get(value)
    if (known) return known
    const { graph } = this.model
    const [codes, scale, zero] = ['q', 'scale', 'zero'].map(part => graph.freshName(`${value}_${part}`)) as [
      string,
      string,
      string,
    ]
    graph.add(makeNode('DynamicQuantizeLinear', [value], [codes, scale, zero]))
    const made = { codes, scale, zero }
    this.activations.set(value, made)
    return made
  }

  /** Stores a weight's codes, the last two axes swapped when `transposed`; Gemm's alpha goes into the scales. */
  private code(node: NodeProto, entry: Entry, weight: Weight, transposed: boolean): Coded {
    const { graph, directory } = this.model
    const name = node.input[weight.position] as string
    const alpha = entry.kind === 'gemm' ? floatAttribute(node, 'alpha', 1) : 1
    const key = JSON.stringify([name, weight.axis, entry.type, transposed, alpha, entry.kind === 'lstm'])
    const known = this.coded.get(key)
    if (known) return known
    const tensor = this.initializer(name)
    const dims = tensorDims(tensor)
    const coding = { type: entry.type, reduced: this.decisions.reduced }
    const straight = quantizeWeight(floatValues(tensor, directory), dims, weight, coding)
    const data = transposed ? swapLast(straight, dims) : straight
    const shape = transposed ? [...dims.slice(0, -2), dims.at(-1) as number, dims.at(-2) as number] : dims
    const parts = { codes: `${name}_q`, scale: `${name}_s`, zero: `${name}_z` }
    const made = {
      codes: graph.freshName(parts.codes),
      scale: graph.freshName(parts.scale),
      zero: graph.freshName(parts.zero),
    }
    const vector = weight.axis === null ? [] : [weight.scales.length]
    graph.setInitializer(makeTensor(made.codes, entry.type, shape, data))
    graph.setInitializer(
      makeTensor(
        made.scale,
        'float32',
        vector,
        Float32Array.from(weight.scales, s => s * alpha),
      ),
    )
    graph.setInitializer(
      makeTensor(
        made.zero,
        entry.type,
        vector,
        weight.scales.map(() => weight.zeroPoint),
      ),
    )
    this.coded.set(key, made)
    return made
  }

  private initializer(name: string): TensorProto {
    const tensor = this.model.graph.initializer(name)
    if (!tensor)
      throw new BantamError('internal', 'The plan names a constant that the model does not have.', {
        where: name,
      })
    return tensor
  }
}

/** Swaps the last two axes. */
function swapLast<T extends Int8Array | Uint8Array>(values: T, dims: readonly number[]): T {
  const rows = dims.at(-2) as number
  const columns = dims.at(-1) as number
  const out = values.slice() as T
  for (let base = 0; base < values.length; base += rows * columns) {
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) out[base + c * rows + r] = values[base + r * columns + c] as number
    }
  }
  return out
}
