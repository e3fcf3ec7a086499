/**
 * What is known without data of the mean of every channel of a value: a batch normalization says that its result is
 * normal with mean β and deviation |γ|, and that holds where it was folded into the layer before. Through Relu, Clip and
 * LeakyRelu that gives the mean of a clipped normal variable; averages, concatenations and sums keep means.
 * Paper: Nagel et al. 2019 (arXiv:1906.04721), section 4.2.1.
 */
import type { NodeProto } from 'onnx-buf'
import type { TensorInfo } from '../../../shared/domain'
import { floatAttribute, intAttribute, intsAttribute } from '../../onnx/build'
import { describeNode } from '../../onnx/graph'
import { type Model, normalDomain } from '../../onnx/model'
import { constantValues } from '../../onnx/passes/pass'
import { elementCount } from '../../runtime/tensor'
import { clipBounds } from '../static/select'
import { clippedMean } from './normal'

/** Means by channel; with deviations where the value is normal. Or why they are not known. */
export type Known = { mean: Float64Array; deviation: Float64Array | null } | { unknown: string }

export interface MeansRequest {
  /** The model as it was given, with its batch normalizations. */
  source: Model
  /** It simplified, and prepared: with channels scaled against each other. */
  simple: Model
  prepared: Model
  /** Types of the prepared model. */
  types: ReadonlyMap<string, TensorInfo>
}

const SAME: ReadonlySet<string> = new Set(['Identity', 'Dropout'])
const AVERAGES: ReadonlySet<string> = new Set(['AveragePool', 'GlobalAveragePool'])

/** Of every value that nodes of the prepared model's main graph make. */
export function expectedMeans(request: MeansRequest): Map<string, Known> {
  const { prepared } = request
  const known = new Map<string, Known>()
  const of = (name: string): Known =>
    known.get(name) ?? {
      unknown: prepared.graph.isInput(name) ? 'it is an input of the model' : `${name} is a constant`,
    }
  for (const node of prepared.graph.topological()) {
    const [output, ...more] = node.output
    if (output) known.set(output, normalized(request, node) ?? through(request, node, of))
    for (const name of more) known.set(name, { unknown: `${describeNode(node)} makes more than one value` })
  }
  return known
}

/** Of a value that a batch normalization makes, in the prepared model or folded; null of any other. */
function normalized({ source, simple, prepared }: MeansRequest, node: NodeProto): Known | null {
  if (isNorm(node)) return parameters(prepared, node)
  const name = node.output[0] ?? ''
  const norm = source.graph.producer(name)
  if (!norm || !isNorm(norm)) return null
  const before = simple.graph.producer(name)
  const own = parameters(source, norm)
  if (!before || 'unknown' in own || simple === prepared) return own
  return scaled(own, bias(simple, before), bias(prepared, node)) ?? unscaled(node)
}

function isNorm(node: NodeProto): boolean {
  return (
    node.opType === 'BatchNormalization' &&
    normalDomain(node.domain) === '' &&
    intAttribute(node, 'training_mode', 0) === 0
  )
}

function parameters(model: Model, norm: NodeProto): Known {
  const [gamma, beta] = norm.input.slice(1, 3).map(name => constantValues(model, name))
  if (!gamma || !beta) return { unknown: `the parameters of ${describeNode(norm)} are not constants` }
  return {
    mean: Float64Array.from(beta.data as Float32Array),
    deviation: Float64Array.from(gamma.data as Float32Array, Math.abs),
  }
}

function unscaled(node: NodeProto): Known {
  return { unknown: `how the channels of ${describeNode(node)} were scaled cannot be told` }
}

/** What the layer gives was divided as its bias was. */
function scaled(
  known: { mean: Float64Array; deviation: Float64Array | null },
  before: Float32Array | null,
  after: Float32Array | null,
): Known | null {
  if (!before || !after || before.length !== after.length || after.length !== known.mean.length) return null
  const factor = Float64Array.from(after, (b, c) => b / (before[c] as number))
  if (!factor.every(f => Number.isFinite(f) && f > 0)) return null
  return {
    mean: known.mean.map((m, c) => m * (factor[c] as number)),
    deviation: known.deviation?.map((d, c) => d * (factor[c] as number)) ?? null,
  }
}

function bias(model: Model, node: NodeProto): Float32Array | null {
  const tensor = node.input[2] ? constantValues(model, node.input[2]) : undefined
  return tensor ? (tensor.data as Float32Array) : null
}

function through({ prepared, types }: MeansRequest, node: NodeProto, of: (name: string) => Known): Known {
  const here = describeNode(node)
  if (normalDomain(node.domain) !== '') return { unknown: `no mean is known through ${here}` }
  const x = of(node.input[0] ?? '')
  if (node.opType === 'Concat') return joined(node, of)
  if (node.opType === 'Add') return summed(x, of(node.input[1] ?? ''))
  if (['Conv', 'Gemm', 'MatMul', 'ConvTranspose'].includes(node.opType))
    return { unknown: `no batch normalization says what ${here} gives` }
  if ('unknown' in x) return x
  if (SAME.has(node.opType)) return x
  if (AVERAGES.has(node.opType)) return averaged(node, x)
  if (node.opType === 'Flatten' || node.opType === 'Reshape')
    return flattened(node, x, types.get(node.input[0] ?? ''), types.get(node.output[0] ?? ''))
  const cut = clipped(prepared, node, x)
  return cut ?? { unknown: `no mean is known through ${here}` }
}

type Means = Exclude<Known, { unknown: string }>

function clipped(model: Model, node: NodeProto, { mean, deviation }: Means): Known | null {
  const bounds = node.opType === 'Relu' || node.opType === 'Clip' ? clipBounds(model, node) : null
  if (!bounds && node.opType !== 'LeakyRelu') return null
  if (!deviation) return { unknown: `what ${describeNode(node)} reads is not normal` }
  const cut = (low: number, high: number) => mean.map((m, c) => clippedMean(m, deviation[c] ?? 0, low, high))
  if (bounds) return { mean: cut(bounds.min, bounds.max), deviation: null }
  const slope = floatAttribute(node, 'alpha', 0.01)
  const positive = cut(0, Number.POSITIVE_INFINITY)
  return { mean: mean.map((m, c) => slope * m + (1 - slope) * (positive[c] as number)), deviation: null }
}

function averaged(node: NodeProto, { mean }: Means): Known {
  const padded = (intsAttribute(node, 'pads') ?? []).some(p => p > 0)
  if (padded && intAttribute(node, 'count_include_pad', 0) === 1)
    return { unknown: `${describeNode(node)} averages zeros of its padding too` }
  return { mean, deviation: null }
}

/** Channels of a value [n, channels, …] as [n, channels × places]. */
function flattened(
  node: NodeProto,
  { mean }: Means,
  before: TensorInfo | undefined,
  after: TensorInfo | undefined,
): Known {
  const places = before?.shape.slice(2) ?? ['']
  const rows = node.opType === 'Flatten' ? intAttribute(node, 'axis', 1) === 1 : after?.shape.length === 2
  if (!rows || !places.every(d => typeof d === 'number'))
    return { unknown: `where channels lie behind ${describeNode(node)} cannot be told` }
  const size = elementCount(places.map(Number))
  const columns = after?.shape[1]
  if (typeof columns === 'number' && columns !== size * mean.length)
    return { unknown: `where channels lie behind ${describeNode(node)} cannot be told` }
  return {
    mean: Float64Array.from({ length: mean.length * size }, (_, i) => mean[Math.floor(i / size)] ?? 0),
    deviation: null,
  }
}

function joined(node: NodeProto, of: (name: string) => Known): Known {
  if (intAttribute(node, 'axis', 1) !== 1) return { unknown: `${describeNode(node)} joins no channels` }
  const parts = node.input.map(of)
  const known: number[] = []
  for (const part of parts) {
    if ('unknown' in part) return part
    known.push(...part.mean)
  }
  return { mean: Float64Array.from(known), deviation: null }
}

function summed(a: Known, b: Known): Known {
  if ('unknown' in a) return a
  if ('unknown' in b) return b
  if (a.mean.length !== b.mean.length) return { unknown: 'a sum of different numbers of channels' }
  return { mean: a.mean.map((m, c) => m + (b.mean[c] as number)), deviation: null }
}
