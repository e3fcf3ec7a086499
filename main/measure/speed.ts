/**
 * "Why is it not faster?", from the profiles of both models as ORT really ran them. Every finding is a function that
 * speaks up or stays silent; its code is stable. Shares are of the variant's kernel time unless said otherwise.
 */
import type { Hardware, LatencyRatio, LayerSummary, Note, Profile, ProfileNode } from '../../shared/domain'
import { formatMs, formatShare } from '../../shared/format'
import { hasInt8Instructions } from './hardware'
import { isFloatCast, type KernelKind, kernelKind } from './profile-kinds'

interface Case {
  reference: Profile
  variant: Profile
  hardware: Pick<Hardware, 'features'>
  ratio: LatencyRatio | null
  layers: readonly LayerSummary[]
}

type Finding = (about: Case) => Note | undefined

/** Share of kernel time from which something is worth a word. */
const WORTH = 0.05

/**
 * Findings about a variant's speed next to its reference's: the verdict first, then what explains it, the weightiest
 * causes first in kind: runs too short, float left, conversions. `ratio` is the interleaved comparison (null: unknown);
 * `layers`, the variant's own, tell how many multiply-accumulates are left in float.
 */
export function explainSpeed(
  reference: Profile,
  variant: Profile,
  hardware: Pick<Hardware, 'features'>,
  ratio: LatencyRatio | null,
  layers: readonly LayerSummary[] = [],
): Note[] {
  const about: Case = { reference, variant, hardware, ratio, layers }
  return FINDINGS.flatMap(finding => finding(about) ?? [])
}

const FINDINGS: readonly Finding[] = [
  verdict,
  smallModel,
  noInt8Instructions,
  int8Coverage,
  floatFallback,
  floatMacs,
  convInteger,
  dynamicQuantization,
  unfusedQuantizers,
  float16Casts,
  layoutChanges,
  providerFallback,
]

/** speed.noise, speed.faster or speed.slower: what the interleaved measurement says. */
function verdict({ ratio }: Case): Note | undefined {
  if (!ratio) return undefined
  const interval = `${factor(ratio.low)} to ${factor(ratio.high)}`
  if (ratio.low <= 1 && ratio.high >= 1) {
    return {
      code: 'speed.noise',
      severity: 'info',
      message: `The two differ by less than the noise: the variant takes ${factor(ratio.ratio)} times as long, and the interval ${interval} contains 1.`,
      action: 'Measure with more runs on a quiet machine if a small difference matters.',
    }
  }
  const faster = ratio.high < 1
  return {
    code: faster ? 'speed.faster' : 'speed.slower',
    severity: faster ? 'info' : 'warning',
    message: `The variant takes ${factor(ratio.ratio)} times as long as its reference (95 % interval ${interval}).`,
  }
}

function factor(value: number): string {
  return value < 10 ? value.toFixed(2) : value.toFixed(0)
}

/** speed.small-model: a large part of a run is spent outside the kernels. */
function smallModel({ variant }: Case): Note | undefined {
  const outside = variant.totalUs - variant.kernelUs
  const share = outside / variant.totalUs
  // Long runs lose a large share outside the kernels only when they wait for a device: that is no small model.
  if (!(share > 0.3) || variant.totalUs > 5000) return undefined
  return {
    code: 'speed.small-model',
    severity: 'info',
    message: `The model is small: of ${formatUs(variant.totalUs)} per recorded run, ${formatUs(outside)} (${percent(share)}) pass outside its ${variant.nodes.length} operators, and no change of the model makes that shorter.`,
    action: 'Run larger batches, or judge the model by its size and memory instead.',
  }
}

/** speed.no-int8-instructions: 8-bit kernels on a processor without VNNI, dot product or the like. */
function noInt8Instructions({ variant, hardware }: Case): Note | undefined {
  if (variant.device !== 'cpu' || variant.shares.int8 < WORTH || hasInt8Instructions(hardware) !== false)
    return undefined
  return {
    code: 'speed.no-int8-instructions',
    severity: 'warning',
    message:
      'This processor has no instructions for 8-bit products (VNNI, dot product, i8mm): 8-bit kernels gain little over float here.',
    action: 'Expect more on a processor that has them; here, quantize for size.',
  }
}

/** speed.int8-coverage: how much of the time is spent in 8-bit kernels, of a quantized model. */
function int8Coverage({ variant }: Case): Note | undefined {
  if (!isQuantized(variant)) return undefined
  const { int8 } = variant.shares
  const products = timeOf(variant, 'compute')
  return {
    code: 'speed.int8-coverage',
    severity: 'info',
    message: `${percent(int8)} of the time in operators is spent in 8-bit kernels, ${percent(products / variant.kernelUs)} in floating-point products, ${percent(variant.shares.quantizeDequantize)} in quantizing and back.`,
  }
}

/** speed.float-fallback: products that still run in floating point in a quantized model. */
function floatFallback({ variant }: Case): Note | undefined {
  if (!isQuantized(variant)) return undefined
  const nodes = variant.nodes.filter(n => kernelKind(n) === 'compute').sort((a, b) => b.us - a.us)
  const us = sum(nodes)
  const share = us / variant.kernelUs
  if (nodes.length === 0 || share < WORTH) return undefined
  return {
    code: 'speed.float-fallback',
    severity: 'warning',
    message: `${count(nodes.length, 'operator')} that multiply still run in floating point and take ${percent(share)} of the time: ${worst(nodes, variant)}.`,
    action: 'Quantize them too, or see in the plan why they were left out.',
    ...named(nodes),
  }
}

/** speed.float-macs: multiply-accumulates of layers that no 8-bit kernel took over, by the names of the nodes. */
function floatMacs({ variant, layers }: Case): Note | undefined {
  const counted = layers.filter(l => (l.macs ?? 0) > 0)
  const total = macsOf(counted)
  if (!isQuantized(variant) || total === 0) return undefined
  const int8 = new Set(variant.nodes.filter(n => kernelKind(n) === 'int8').map(n => modelName(n.name)))
  const left = counted.filter(l => !int8.has(l.name))
  const share = macsOf(left) / total
  if (share < WORTH) return undefined
  const most = left.toSorted((a, b) => (b.macs ?? 0) - (a.macs ?? 0)).slice(0, 3)
  return {
    code: 'speed.float-macs',
    severity: share > 0.5 ? 'warning' : 'info',
    message: `${percent(share)} of the multiply-accumulates are not computed in 8 bits, most of them in ${most.map(l => `${l.op} ${l.name} (${percent((l.macs ?? 0) / total)})`).join(', ')}.`,
    action: 'What is left in float bounds what quantization can save.',
    ...(most[0] ? { node: most[0].name } : {}),
  }
}

function macsOf(layers: readonly LayerSummary[]): number {
  return layers.reduce((sum, l) => sum + (l.macs ?? 0), 0)
}

/** The name a node has in the model: ORT appends to it when it changes a node. */
function modelName(name: string): string {
  return name.replace(/(_token_\d+|_nchwc|_quant|_nhwc)+$/, '')
}

/** speed.conv-integer: dynamic quantization of convolutions. */
function convInteger({ variant }: Case): Note | undefined {
  const nodes = variant.nodes.filter(n => n.op === 'ConvInteger')
  if (nodes.length === 0) return undefined
  return {
    code: 'speed.conv-integer',
    severity: 'warning',
    message: `${count(nodes.length, 'convolution')} run as ConvInteger and take ${percent(sum(nodes) / variant.kernelUs)} of the time: ONNX Runtime has no fast kernel for it.`,
    action: 'Use static int8 quantization for convolutional models.',
    ...named(nodes),
  }
}

/** speed.dynamic-quantization: scales computed again in every run. */
function dynamicQuantization({ variant }: Case): Note | undefined {
  const nodes = variant.nodes.filter(n => n.op === 'DynamicQuantizeLinear')
  const share = sum(nodes) / variant.kernelUs
  if (nodes.length === 0 || share < WORTH) return undefined
  return {
    code: 'speed.dynamic-quantization',
    severity: 'info',
    message: `Dynamic quantization finds the range of ${count(nodes.length, 'tensor')} anew in every run, which takes ${percent(share)} of the time.`,
    action: 'Static int8 quantization finds the ranges once, from calibration data.',
  }
}

/** speed.unfused-qdq: QuantizeLinear and DequantizeLinear that ORT did not fuse into an 8-bit kernel. */
function unfusedQuantizers({ variant }: Case): Note | undefined {
  const quantize = variant.nodes.filter(n => n.op === 'QuantizeLinear')
  const dequantize = variant.nodes.filter(n => n.op === 'DequantizeLinear')
  const share = (sum(quantize) + sum(dequantize)) / variant.kernelUs
  if (quantize.length + dequantize.length === 0 || share < WORTH) return undefined
  return {
    code: 'speed.unfused-qdq',
    severity: 'warning',
    message: `${quantize.length} QuantizeLinear and ${dequantize.length} DequantizeLinear were not fused into 8-bit kernels and take ${percent(share)} of the time: ${worst([...quantize, ...dequantize], variant)}.`,
    action: 'Quantize the operators around them, or leave the lone quantized ones between them in float.',
    ...named([...quantize, ...dequantize]),
  }
}

/** speed.float16-casts: float16 on a CPU is computed in float32 between casts. */
function float16Casts({ variant }: Case): Note | undefined {
  const casts = variant.nodes.filter(isFloatCast)
  if (variant.device !== 'cpu' || casts.length === 0) return undefined
  const share = sum(casts) / variant.kernelUs
  return {
    code: 'speed.float16-casts',
    severity: share < WORTH ? 'info' : 'warning',
    message: `The CPU computes float16 in float32 here: ${count(casts.length, 'cast')} to and fro take ${percent(share)} of the time.`,
    action: 'float16 halves the file; for speed use it on a GPU, or use int8 on the CPU.',
    ...named(casts),
  }
}

/** speed.layout: reorders, transposes and copies that ORT put between kernels of different layouts. */
function layoutChanges({ variant, reference }: Case): Note | undefined {
  const nodes = variant.nodes.filter(n => kernelKind(n) === 'conversion' && !isFloatCast(n))
  const share = sum(nodes) / variant.kernelUs
  if (nodes.length === 0 || share < WORTH) return undefined
  const before = sum(reference.nodes.filter(n => kernelKind(n) === 'conversion' && !isFloatCast(n)))
  return {
    code: 'speed.layout',
    severity: 'info',
    message: `${count(nodes.length, 'change')} of memory layout (reorders, transposes, copies) between operators take ${formatUs(sum(nodes))} per run, ${percent(share)} of the time; ${formatUs(before)} in the reference.`,
    action: 'Fewer changes between 8-bit and float operators mean fewer of them: quantize neighbours alike.',
  }
}

/** speed.provider-fallback: operators that the chosen device does not have. */
function providerFallback({ variant }: Case): Note | undefined {
  if (variant.device === 'cpu') return undefined
  const nodes = variant.nodes.filter(n => n.provider === 'CPU')
  const share = sum(nodes) / variant.kernelUs
  if (nodes.length === 0 || share < WORTH) return undefined
  return {
    code: 'speed.provider-fallback',
    severity: 'warning',
    message: `${count(nodes.length, 'operator')} run on the CPU instead of ${variant.device} and take ${percent(share)} of the time: ${worst(nodes, variant)}.`,
    action: 'Keep these operators out of the model, or choose another device.',
    ...named(nodes),
  }
}

function isQuantized(profile: Profile): boolean {
  return profile.shares.int8 > 0 || profile.shares.quantizeDequantize > 0
}

function timeOf(profile: Profile, kind: KernelKind): number {
  return sum(profile.nodes.filter(n => kernelKind(n) === kind))
}

function sum(nodes: readonly ProfileNode[]): number {
  return nodes.reduce((total, n) => total + n.us, 0)
}

/** The three that cost most, with their shares. */
function worst(nodes: readonly ProfileNode[], { kernelUs }: Profile): string {
  return nodes
    .toSorted((a, b) => b.us - a.us)
    .slice(0, 3)
    .map(n => `${n.op} ${n.name} (${percent(n.us / kernelUs)})`)
    .join(', ')
}

/** The node that costs most, for the screen to point at. */
function named(nodes: readonly ProfileNode[]): { node?: string } {
  const [first] = nodes.toSorted((a, b) => b.us - a.us)
  return first ? { node: first.name } : {}
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`
}

function percent(share: number): string {
  return formatShare(share, share > 0 && share < 0.01 ? 1 : 0)
}

function formatUs(us: number): string {
  return formatMs(us / 1000)
}
