/**
 * A net that answers in float as its int8 form will in integers: fake quantization where the writer (quantize/qdq.ts)
 * puts QuantizeLinear and DequantizeLinear. Weights and biases keep their names, so that they are trained as ever.
 */
import type { NodeProto } from 'onnx-buf'
import type { TensorInfo } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { floatAttribute, makeNode } from '../onnx/build'
import { copyModel } from '../onnx/copy'
import { Model } from '../onnx/model'
import { makeTensor, tensorCount, tensorDims } from '../onnx/tensor'
import { type CodeRange, codeRange } from '../quantize/affine'
import { nodeId } from '../quantize/names'
import type { StaticDecisions } from '../quantize/static/options'
import { channelAxis, codingOf } from '../quantize/weights'
import { elementCount } from '../runtime/tensor'
import { addFakeQuantize, ourName } from './fake-quantize'
import { scaleGroups } from './scale-groups'
import { addStepSize, type StepSize, stepFactor } from './step-size'

/** Codes of an int32 bias, as `quantizeBias` keeps them. */
const BIAS: CodeRange = { min: -2147483647, max: 2147483647 }

export interface FakeQuantized {
  model: Model
  /** Steps that are trained: of activations, by the name of their group; of weights, by name and axis. */
  steps: { activations: Map<string, StepSize>; weights: Map<string, StepSize> }
}

type Weight = StaticDecisions['weights'][number]

/**
 * Inserts fake quantization into a copy of the prepared model. `learned`: scales become parameters; those of a Clip left
 * to saturation stay. `types`: the model's inferred types. Throws `internal` when a name of the plan is not in the model.
 */
export function fakeQuantized(
  source: Model,
  decisions: StaticDecisions,
  learned: boolean,
  types: ReadonlyMap<string, TensorInfo>,
): FakeQuantized {
  const net = new NetWriter(copyModel(source), decisions, learned, types)
  return net.write()
}

/** Key of a weight's scales: one weight may be read along two axes. */
export function weightKey({ name, axis }: Pick<Weight, 'name' | 'axis'>): string {
  return `${name}|${axis}`
}

export function weightOfKey(key: string): string {
  return key.slice(0, key.lastIndexOf('|'))
}

class NetWriter {
  private readonly steps: FakeQuantized['steps'] = { activations: new Map(), weights: new Map() }
  private readonly groups
  private readonly activationCodes: CodeRange
  /** Scale of an activation's group, shape [1]. */
  private readonly activationScales = new Map<string, string>()
  /** Scales of a weight, shape [scales]. */
  private readonly weightScales = new Map<string, string>()
  /** What readers of a weight, or of a constant, read. */
  private readonly weightValues = new Map<string, string>()
  /** The value that planned readers of an activation read. */
  private readonly rounded = new Map<string, string>()

  constructor(
    private readonly model: Model,
    private readonly decisions: StaticDecisions,
    private readonly learned: boolean,
    private readonly types: ReadonlyMap<string, TensorInfo>,
  ) {
    this.groups = scaleGroups(model, decisions)
    this.activationCodes = codeRange(decisions.activationType)
  }

  write(): FakeQuantized {
    const { model, decisions } = this
    const planned = decisions.nodes.map(p => ({ p, node: this.node(p.id) }))
    // Before any is renamed: which activation a bias goes with is told by its node's first input.
    for (const { p, node } of planned) if (p.weight !== null) this.writeWeighted(node, p.weight, p.bias)
    const constants = new Map(decisions.constants.map(c => [c.name, c]))
    for (const { p, node } of planned) {
      for (const i of p.constants) {
        const constant = constants.get(node.input[i] ?? '')
        if (constant) model.graph.setInput(node, i, this.constant(constant))
      }
    }
    for (const value of decisions.values) this.writeValue(value)
    for (const { p, node } of planned) {
      for (const i of p.activations) {
        const name = this.rounded.get(node.input[i] ?? '')
        if (name) model.graph.setInput(node, i, name)
      }
    }
    model.graph.sort()
    return { model: new Model(model.proto, model.directory), steps: this.steps }
  }

  private node(id: string): NodeProto {
    const node = this.model.graph.producer(id)
    if (node && nodeId(node) === id) return node
    throw new BantamError('internal', 'The plan names a node that the model does not have.', { where: id })
  }

  private writeWeighted(node: NodeProto, position: number, bias: number | null): void {
    const name = node.input[position] ?? ''
    const tensor = this.model.graph.initializer(name)
    const axis = tensor ? channelAxis(node, tensor.dims.length) : null
    const weight =
      this.decisions.weights.find(w => w.name === name && w.axis === axis) ??
      this.decisions.weights.find(w => w.name === name && w.axis === null)
    if (!tensor || !weight)
      throw new BantamError('internal', 'The plan has no scales for a weight.', { where: name })
    const scales = this.scalesOfWeight(weight, tensorCount(tensor))
    if (bias !== null) this.writeBias(node, bias, scales)
    this.model.graph.setInput(node, position, this.weightValue(weight, scales, tensorDims(tensor).length))
  }

  private weightValue(weight: Weight, scales: string, rank: number): string {
    const key = weightKey(weight)
    const known = this.weightValues.get(key)
    if (known) return known
    const shape = Array.from({ length: rank }, (_, i) => (i === weight.axis ? weight.scales.length : 1))
    const made = addFakeQuantize(this.model, weight.name, {
      scale: this.reshaped(weight.name, scales, shape),
      zeroPoint: weight.zeroPoint,
      codes: this.codesOf(weight),
    })
    this.weightValues.set(key, made)
    return made
  }

  private codesOf(weight: Weight): CodeRange {
    const { type, reduced } = codingOf(this.decisions, weight)
    return codeRange(type, { narrow: true, reduced })
  }

  private scalesOfWeight(weight: Weight, count: number): string {
    const key = weightKey(weight)
    const known = this.weightScales.get(key)
    if (known) return known
    const levels = this.codesOf(weight).max - weight.zeroPoint
    const factor = stepFactor(count / weight.scales.length, levels)
    const step = { start: weight.scales, factor, parameter: ourName(this.model, weight.name, 'step') }
    const name = this.scale(step, this.learned)
    if (this.learned) this.steps.weights.set(key, step)
    this.weightScales.set(key, name)
    return name
  }

  /**
   * b = s_x·s_w·round(b / (s_x·s_w)). A Gemm that scales its product or its bias keeps the bias as it is: what rounding
   * it costs is far below what its product's does.
   */
  private writeBias(node: NodeProto, position: number, scales: string): void {
    const plain = floatAttribute(node, 'alpha', 1) === 1 && floatAttribute(node, 'beta', 1) === 1
    const input = this.decisions.values.find(v => v.name === node.input[0])
    const bias = node.input[position]
    if (!plain || !input || !bias) return
    const product = ourName(this.model, bias, 'scale')
    this.model.graph.add(makeNode('Mul', [this.scaleOfValue(input), scales], [product]))
    const made = addFakeQuantize(this.model, bias, { scale: product, zeroPoint: 0, codes: BIAS })
    this.model.graph.setInput(node, position, made)
  }

  private constant({ name, scale, zeroPoint }: StaticDecisions['constants'][number]): string {
    const known = this.weightValues.get(name)
    if (known) return known
    const fixed = this.fixedScale(name, [scale])
    const made = addFakeQuantize(this.model, name, { scale: fixed, zeroPoint, codes: this.activationCodes })
    this.weightValues.set(name, made)
    return made
  }

  /** Rounds an activation: for all its readers where it is made in 8 bits, for those planned where it is only read so. */
  private writeValue(value: StaticDecisions['values'][number]): void {
    const { graph } = this.model
    const { name, carried, zeroPoint } = value
    if (this.groups.moved.has(name)) return
    const quantizer = { scale: this.scaleOfValue(value), zeroPoint, codes: this.activationCodes }
    if (!carried) {
      this.rounded.set(name, addFakeQuantize(this.model, name, quantizer))
      return
    }
    const maker = graph.producer(name)
    if (!maker) throw new BantamError('internal', 'The plan names a value nothing makes.', { where: name })
    const raw = ourName(this.model, name, 'raw')
    graph.setOutput(maker, maker.output.indexOf(name), raw)
    addFakeQuantize(this.model, raw, quantizer, name)
  }

  private scaleOfValue({ name, scale, zeroPoint }: StaticDecisions['values'][number]): string {
    const group = this.groups.group(name)
    const known = this.activationScales.get(group)
    if (known) return known
    const members = this.groups.members.get(group) ?? [name]
    const count = Math.max(...members.map(member => this.countPerSample(member)))
    const { min, max } = this.activationCodes
    const factor = stepFactor(count, Math.max(max - zeroPoint, zeroPoint - min))
    const step = { start: [scale], factor, parameter: ourName(this.model, group, 'step') }
    const learned = this.learned && !this.groups.bound.has(group)
    const made = this.scale(step, learned)
    if (learned) this.steps.activations.set(group, step)
    this.activationScales.set(group, made)
    return made
  }

  /** Numbers that a value has for one sample, as far as its shape is known. */
  private countPerSample(name: string): number {
    const [, ...rest] = this.types.get(name)?.shape ?? []
    return elementCount(rest.map(d => (typeof d === 'number' && d > 0 ? d : 1)))
  }

  private scale(step: StepSize, learned: boolean): string {
    return learned ? addStepSize(this.model, step) : this.fixedScale(step.parameter, step.start)
  }

  private fixedScale(base: string, values: readonly number[]): string {
    const name = ourName(this.model, base, 'scale')
    this.model.graph.setInitializer(makeTensor(name, 'float32', [values.length], Float32Array.from(values)))
    return name
  }

  /** Scales, [scales], in a shape that broadcasts to the weight. */
  private reshaped(base: string, scales: string, shape: number[]): string {
    const { graph } = this.model
    const [sizes, result] = [ourName(this.model, base, 'shape'), ourName(this.model, base, 'scales')]
    graph.setInitializer(makeTensor(sizes, 'int64', [shape.length], shape.map(BigInt)))
    graph.add(makeNode('Reshape', [scales, sizes], [result]))
    return result
  }
}
