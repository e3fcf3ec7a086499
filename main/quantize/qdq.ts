/**
 * Static int8 quantization, second half: writing the decisions into the graph as QuantizeLinear / DequantizeLinear
 * pairs. A value made in 8 bits keeps its name on the DequantizeLinear, so all its readers, graph outputs and
 * subgraphs included, read the coded value and its maker has no reader but the QuantizeLinear: the pattern that
 * ONNX Runtime turns into integer kernels. A value only read in 8 bits keeps its float readers.
 *
 * Text counts in small networks: what is added has no name where its output has one, and short names where it needs them.
 */
import type { NodeProto, TensorProto } from 'onnx-buf'
import { BantamError } from '../../shared/errors'
import { attribute, floatAttribute, irVersionFor, makeNode } from '../onnx/build'
import type { Model } from '../onnx/model'
import { makeTensor, tensorDims } from '../onnx/tensor'
import { codeRange, quantizeBias, quantizeInto, type WeightType } from './affine'
import { importMicrosoft } from './microsoft'
import { nodeId } from './names'
import type { StaticDecisions } from './static/options'
import { inputScale, type WideType, wideDomain, wideType } from './static/wide'
import { raiseOpset } from './upgrade'
import { channelAxis, codingOf, floatValues, quantizeWeight } from './weights'

/** Edits the model as decided. Throws `internal` when a name of the plan is not in the model. */
export function insertQdq(model: Model, decisions: StaticDecisions): void {
  if (model.opset() < decisions.opset) raiseOpset(model, decisions.opset)
  const writer = new QdqWriter(model, decisions)
  writer.write()
  model.graph.removeUnusedInitializers()
  model.graph.sort()
  dropStaleShapes(model)
  const ir = BigInt(Math.max(4, irVersionFor(model.opset())))
  if (model.proto.irVersion < ir) model.proto.irVersion = ir
}

type Value = StaticDecisions['values'][number]

class QdqWriter {
  private readonly byId: Map<string, NodeProto>
  private readonly values: Map<string, Value>
  private readonly wider: Map<string, Value>
  /** Value → name of its dequantized form, for readers in 8 bits, and for those in 16. */
  private readonly dequantized = { narrow: new Map<string, string>(), wide: new Map<string, string>() }
  private readonly zeroPoints = new Map<string, string>()
  private readonly scales = new Map<string, string>()

  constructor(
    private readonly model: Model,
    private readonly decisions: StaticDecisions,
  ) {
    this.byId = new Map(model.graph.nodes.map(node => [nodeId(node), node]))
    this.values = new Map(decisions.values.map(v => [v.name, v]))
    this.wider = new Map(decisions.wide.values.map(v => [v.name, v]))
  }

  write(): void {
    const { decisions } = this
    const sources = this.removeAbsorbed()
    // Weights and biases first: they look at the scales of inputs by the names these have now.
    const weights = new Map(decisions.weights.map(w => [`${w.name}|${w.axis}`, w]))
    const written = new Map<string, string>()
    const narrow = decisions.nodes.map(planned => ({ planned, node: this.node(planned.id), wide: false }))
    const wide = decisions.wide.nodes.map(planned => ({ planned, node: this.node(planned.id), wide: true }))
    const readers = [...narrow, ...wide]
    for (const { planned, node, wide } of readers) {
      // A kernel is known by the name of its node.
      if (planned.name !== '') node.name = planned.name
      if (planned.weight === null) continue
      const weight = this.weightOf(node, planned.weight, weights)
      if (planned.bias !== null) this.writeBias(node, planned.bias, weight, wide)
      const key = `${weight.name}|${weight.axis}`
      if (!written.has(key)) written.set(key, this.writeWeight(weight))
      this.model.graph.setInput(node, planned.weight, written.get(key) as string)
    }
    const constants = new Map(decisions.constants.map(c => [c.name, this.writeConstant(c)]))
    if (decisions.wide.values.length > 0) this.needWide()
    for (const value of decisions.wide.values) this.writeValue(value, undefined, 'wide')
    for (const value of decisions.values) this.writeValue(value, sources.get(value.name), 'narrow')
    for (const { planned, node, wide } of readers) {
      for (const i of planned.activations) {
        const name = this.dequantized[wide ? 'wide' : 'narrow'].get(node.input[i] as string)
        if (name) this.model.graph.setInput(node, i, name)
      }
      for (const i of planned.constants) {
        this.model.graph.setInput(
          node,
          i,
          constants.get(node.input[i] as string) ?? (node.input[i] as string),
        )
      }
    }
  }

  private node(id: string): NodeProto {
    const node = this.byId.get(id)
    if (!node)
      throw new BantamError('internal', `The plan names a node that the model does not have.`, { where: id })
    return node
  }

  /** Removes Relu and Clip nodes; answers what their outputs are quantized from. */
  private removeAbsorbed(): Map<string, string> {
    const { graph } = this.model
    const sources = new Map<string, string>()
    const removed = this.decisions.absorbed.map(({ id, fused }) => {
      const node = this.node(id)
      const input = node.input[0] as string
      const output = node.output[0] as string
      const maker = graph.producer(input)
      return { node, input, output, maker: fused ? maker : undefined }
    })
    graph.remove(removed.map(r => r.node))
    for (const { input, output, maker } of removed) {
      if (maker) graph.setOutput(maker, maker.output.indexOf(input), output)
      else sources.set(output, input)
    }
    return sources
  }

  private weightOf(
    node: NodeProto,
    position: number,
    weights: Map<string, StaticDecisions['weights'][number]>,
  ): StaticDecisions['weights'][number] {
    const name = node.input[position] as string
    const axis = channelAxis(node, this.initializer(name).dims.length)
    const weight = weights.get(`${name}|${axis}`) ?? weights.get(`${name}|null`)
    if (weight) return weight
    throw new BantamError('internal', 'The plan has no scales for a weight.', { where: name })
  }

  /** Adds the codes and their DequantizeLinear; answers the name of the dequantized weight. */
  private writeWeight(weight: StaticDecisions['weights'][number]): string {
    const tensor = this.initializer(weight.name)
    const dims = tensorDims(tensor)
    const coding = codingOf(this.decisions, weight)
    const { type } = coding
    const codes = quantizeWeight(floatValues(tensor, this.model.directory), dims, weight, coding)
    return this.dequantize(makeTensor(this.fresh(`${weight.name}_q`), type, dims, codes), {
      base: weight.name,
      type,
      zeroPoint: weight.zeroPoint,
      scales: Float32Array.from(weight.scales),
      axis: weight.axis,
    })
  }

  /** int32 codes with scale s_x·s_w (times Gemm's alpha) and zero point 0; Gemm's beta is multiplied in. */
  private writeBias(
    node: NodeProto,
    position: number,
    weight: StaticDecisions['weights'][number],
    wide: boolean,
  ): void {
    const name = node.input[position] as string
    const scale = inputScale(node, wide, this.values, this.wider)
    if (scale === undefined)
      throw new BantamError('internal', 'The plan has no scale for an input.', { where: name })
    const { values, alpha } = this.biasValues(node, name)
    const { codes, scales } = quantizeBias(values, scale * alpha, weight.scales)
    const dequantized = this.dequantize(makeTensor(this.fresh(`${name}_q`), 'int32', [codes.length], codes), {
      base: name,
      type: 'int32',
      zeroPoint: 0,
      scales,
      axis: weight.axis === null ? null : 0,
    })
    this.model.graph.setInput(node, position, dequantized)
  }

  private biasValues(node: NodeProto, name: string): { values: Float32Array; alpha: number } {
    const values = floatValues(this.initializer(name), this.model.directory)
    if (node.opType !== 'Gemm') return { values, alpha: 1 }
    const weight = this.initializer(node.input[1] as string)
    const columns = Number(weight.dims[channelAxis(node, 2) ?? 1] ?? 0n)
    const beta = floatAttribute(node, 'beta', 1)
    const alpha = floatAttribute(node, 'alpha', 1)
    const found = attribute(node, 'beta')
    if (found) node.attribute = node.attribute.filter(a => a !== found)
    const full = values.length === columns ? values : new Float32Array(columns).fill(values[0] ?? 0)
    return { values: full.map(v => v * beta), alpha }
  }

  private writeConstant({ name, scale, zeroPoint }: StaticDecisions['constants'][number]): string {
    const type = this.decisions.activationType
    const tensor = this.initializer(name)
    const values = floatValues(tensor, this.model.directory)
    const codes = type === 'int8' ? new Int8Array(values.length) : new Uint8Array(values.length)
    quantizeInto(values, 0, values.length, { scale, zeroPoint }, codeRange(type), codes)
    return this.dequantize(makeTensor(this.fresh(`${name}_q`), type, tensorDims(tensor), codes), {
      base: name,
      type,
      zeroPoint,
      scales: Float32Array.of(scale),
      axis: null,
    })
  }

  private dequantize(
    codes: TensorProto,
    about: {
      base: string
      type: WeightType | 'int32'
      zeroPoint: number
      scales: Float32Array
      axis: number | null
    },
  ): string {
    const { graph } = this.model
    const { base, type, zeroPoint, scales, axis } = about
    graph.setInitializer(codes)
    const scale = this.fresh(`${base}_s`)
    graph.setInitializer(makeTensor(scale, 'float32', axis === null ? [] : [scales.length], scales))
    const zero = this.zeroPoint(type, axis === null ? null : scales.length, zeroPoint)
    const output = this.fresh(`${base}_dq`)
    graph.add(makeNode('DequantizeLinear', [codes.name, scale, zero], [output], axisOf(axis)))
    return output
  }

  /** QuantizeLinear and DequantizeLinear of an activation. `source`: what an absorbed Relu before it read. */
  private writeValue(value: Value, source: string | undefined, width: 'narrow' | 'wide'): void {
    const { graph } = this.model
    const { name, carried } = value
    let from = source ?? name
    if (carried && source === undefined) {
      const maker = graph.producer(name)
      if (!maker) throw new BantamError('internal', 'The plan names a value nothing makes.', { where: name })
      from = this.fresh(`${name}_raw`)
      graph.setOutput(maker, maker.output.indexOf(name), from)
    }
    const scale = this.scale(value.scale)
    const { activationType } = this.decisions
    const wide = width === 'wide'
    const zero = this.zeroPoint(wide ? wideType(activationType) : activationType, null, value.zeroPoint)
    const domain = wide ? wideDomain(this.model.opset()) : ''
    if (this.wouldBeQuantized(value)) from = this.guarded(from)
    const codes = this.fresh(`${name}_q`)
    const output = carried ? name : this.fresh(`${name}_dq`)
    graph.add(makeNode('QuantizeLinear', [from, scale, zero], [codes], {}, { domain }))
    graph.add(makeNode('DequantizeLinear', [codes, scale, zero], [output], {}, { domain }))
    // Codes have the shape of the value: nothing need be made float, and its channels moved back, to ask for it.
    if (carried) graph.replaceUses(name, codes, ({ node }) => node.opType === 'Shape' && node.domain === '')
    if (!carried) this.dequantized[width].set(name, output)
  }

  /** Says that the model has operators of com.microsoft, where 16-bit codes are theirs. */
  private needWide(): void {
    if (wideDomain(this.model.opset()) !== '') importMicrosoft(this.model)
  }

  /**
   * ONNX Runtime quantizes the weights of any Conv, ConvTranspose or Gemm that reads a dequantized value and is read by
   * a QuantizeLinear alone, a Relu or Clip between at most (its WeightBiasQuantization). A node that was to stay in
   * float must be kept from that.
   */
  private wouldBeQuantized({ name, carried }: Value): boolean {
    if (carried) return false
    const { graph } = this.model
    let maker = graph.producer(name)
    while (maker && (maker.opType === 'Relu' || maker.opType === 'Clip'))
      maker = graph.producer(maker.input[0] as string)
    if (!maker || !['Conv', 'ConvTranspose', 'Gemm'].includes(maker.opType)) return false
    const input = maker.input[0] as string
    return this.values.get(input)?.carried === true || this.wider.get(input)?.carried === true
  }

  /** The value through an operator that changes nothing and that ONNX Runtime does not remove: Max(x, lowest). */
  private guarded(value: string): string {
    const { graph } = this.model
    const lowest = 'lowest_float32'
    if (!graph.initializer(lowest)) {
      graph.setInitializer(makeTensor(lowest, 'float32', [], Float32Array.of(-3.4028234663852886e38)))
    }
    const output = this.fresh(`${value}_float`)
    graph.add(makeNode('Max', [value, lowest], [output], {}, { name: output }))
    return output
  }

  private initializer(name: string): TensorProto {
    const tensor = this.model.graph.initializer(name)
    if (!tensor)
      throw new BantamError('internal', 'The plan names a constant that the model does not have.', {
        where: name,
      })
    return tensor
  }

  private fresh(base: string): string {
    return this.model.graph.freshName(base)
  }

  /** One initializer for every distinct activation scale. */
  private scale(value: number): string {
    const key = String(value)
    const known = this.scales.get(key)
    if (known) return known
    const name = this.fresh(`scale_${this.scales.size}`)
    this.model.graph.setInitializer(makeTensor(name, 'float32', [], Float32Array.of(value)))
    this.scales.set(key, name)
    return name
  }

  /** One initializer for every distinct zero point (a vector of `length` for scales per channel): zero_u8_128, zero_i8_0_64. */
  private zeroPoint(type: WeightType | WideType | 'int32', length: number | null, value: number): string {
    const key = `zero_${type.replace('uint', 'u').replace('int', 'i')}_${value}${length === null ? '' : `_${length}`}`
    const known = this.zeroPoints.get(key)
    if (known) return known
    const name = this.fresh(key)
    const data = Array.from({ length: length ?? 1 }, () => value)
    this.model.graph.setInitializer(makeTensor(name, type, length === null ? [] : [length], data))
    this.zeroPoints.set(key, name)
    return name
  }
}

/** The axis of scales per channel; 1 is what DequantizeLinear takes where nothing is said. */
export function axisOf(axis: number | null): Record<string, bigint> {
  return axis === null || axis === 1 ? {} : { axis: BigInt(axis) }
}

/** Forgets declared shapes of values that are gone. */
export function dropStaleShapes(model: Model): void {
  const { graph } = model
  const made = new Set(graph.nodes.flatMap(node => node.output))
  graph.proto.valueInfo = graph.proto.valueInfo.filter(v => made.has(v.name) || graph.initializer(v.name))
}
