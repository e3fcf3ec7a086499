/** The work of `bantam sensitivity --of quantize`, and its results for a person. */
import type { Dataset } from '../../main/data/dataset'
import { type TaskContext, within } from '../../main/jobs/context'
import { checkModel } from '../../main/onnx/check'
import { modelInputs } from '../../main/onnx/inputs'
import type { Model } from '../../main/onnx/model'
import { readModel } from '../../main/onnx/read'
import { parseOptions } from '../../main/operations/variant'
import { memoryStore } from '../../main/quantize/calibrate/statistics'
import { layerDetail } from '../../main/quantize/sensitivity/detail'
import { measureQuantization } from '../../main/quantize/sensitivity/measure'
import { measuredSamples } from '../../main/quantize/sensitivity/samples'
import type { StaticOptions } from '../../main/quantize/static/options'
import { staticInt8 } from '../../main/quantize/static-int8'
import type { SampleSet } from '../../main/technique'
import { formatDuration, formatShare } from '../../shared/format'
import {
  kernelLoss,
  type LayerDetail,
  type QuantizeLayer,
  type QuantizePoint,
  type QuantizeSensitivity,
} from '../../shared/quantize'
import type { Globals } from './command'
import { drawSamples, openData } from './data'
import type { DataOptions } from './data-options'
import { bar, histogramLines } from './sensitivity-bars'
import { METRIC } from './sensitivity-run'
import { columns, plain } from './terminal'
import { threadCount } from './threads'

/** Options of the command, but for those of static int8. */
export interface QuantizeSensitivityOptions extends Globals, DataOptions {
  data: string
  samples: number
  /** Samples that ranges come from. */
  calibrated: number
  layer?: string
}

interface Opened {
  model: Model
  options: StaticOptions
  dataset: Dataset
  calibration: SampleSet
  threads: number
}

/** Opens what is named, works, and closes the data. Throws what reading and the work throw. */
async function opened<T>(
  path: string,
  step: Record<string, unknown>,
  about: QuantizeSensitivityOptions,
  context: TaskContext,
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  const options = parseOptions(staticInt8, step) as StaticOptions // of this technique's schema
  context.progress(0, 'Reading the model')
  const model = await readModel(path)
  checkModel(model, path)
  const dataset = await openData(about, modelInputs(model))
  try {
    // As many as are looked at together: those that ranges come from are first.
    const count = options.samples + about.samples
    const indices = drawSamples(dataset, about.split, count, about.seed)
    const threads = await threadCount(about.threads)
    return await work({ model, options, dataset, calibration: { dataset, indices }, threads })
  } finally {
    await dataset.close()
  }
}

export function quantizeSensitivityOf(
  path: string,
  step: Record<string, unknown>,
  about: QuantizeSensitivityOptions,
  context: TaskContext,
): Promise<QuantizeSensitivity> {
  return opened(path, step, about, context, ({ model, options, calibration, threads }) => {
    const samples = measuredSamples(calibration, options.samples, about.samples, { only: true })
    const request = { model, options, calibration, samples, threads, statistics: memoryStore() }
    return measureQuantization(request, within(context, 0.02, 1))
  })
}

/** Throws `not-found` for a layer that is not quantized, and what looking throws. */
export function layerOf(
  path: string,
  layer: string,
  step: Record<string, unknown>,
  about: QuantizeSensitivityOptions,
  context: TaskContext,
): Promise<LayerDetail> {
  return opened(path, step, about, context, ({ model, options, calibration, threads }) =>
    layerDetail({ model, options, calibration, threads, layer }, within(context, 0.02, 1)),
  )
}

const MOST_ROWS = 40

/** A row for each layer, the one that loses most first. */
export function describeQuantize(found: QuantizeSensitivity): string {
  const { metric, reference, quantized, layers, declined } = found
  const share = metric === 'accuracy' || metric === 'agreement'
  const most = Math.max(1e-12, ...layers.map(layer => layer.whole.drop.value))
  const sorted = [...layers].sort((a, b) => lossOf(b) - lossOf(a))
  const rows = sorted
    .slice(0, MOST_ROWS)
    .map(layer => [
      plain(layer.id),
      layer.op,
      formatShare(layer.macs, 1),
      `${lost(layer.whole, share)} ${bar(layer.whole.drop.value / most)}`,
      layer.weights ? lost(layer.weights, share, false) : '–',
      layer.activations ? lost(layer.activations, share, false) : '–',
      decibels(layer.whole.sqnr),
      outliersOf(layer),
    ])
  const value = (v: number) => (share ? formatShare(v) : v.toPrecision(4))
  const header = ['layer', 'op', 'MACs', 'whole', 'weights', 'activations', 'dB', 'outliers']
  return [
    `${METRIC[metric]}: ${value(reference)} on ${found.samples} samples in float, ${value(quantized.value)} with everything in 8 bits; what is lost when one layer alone is${share ? ' (points, 95 % interval)' : ' (95 % interval)'}:`,
    '',
    columns([header, ...rows], [2, 4, 5, 6, 7]),
    ...(sorted.length > MOST_ROWS
      ? [`… and ${sorted.length - MOST_ROWS} more, which lose less (--json shows all)`]
      : []),
    '',
    ...saturating(layers),
    ...(declined.length > 0 ? [`${declined.length} nodes stay in float (--json says why)`] : []),
    `ranges from ${found.calibrated} samples; took ${formatDuration(found.seconds)}; --layer ID looks into one`,
  ].join('\n')
}

/** What kernels lose beyond rounding is heard from about twice the noise on. */
const HEARD = 3

function saturating(layers: readonly QuantizeLayer[]): string[] {
  const found = layers.filter(layer => (kernelLoss(layer) ?? 0) >= HEARD)
  if (found.length === 0) return []
  const names = found.slice(0, 3).map(({ id }) => plain(id))
  const rest = found.length > 3 ? ` and ${found.length - 3} more` : ''
  return [
    `${names.join(', ')}${rest}: worse as it runs here than rounding makes it, as where products saturate (try --reduce-range or --format U8U8)`,
  ]
}

/** By the metric, and by noise where that tells nothing. */
function lossOf({ whole }: QuantizeLayer): number {
  return whole.drop.value - 1e-9 * (whole.sqnr ?? 1000)
}

function lost({ drop }: QuantizePoint, share: boolean, interval = true): string {
  const text = (v: number) => (share ? (100 * v).toFixed(2) : v.toPrecision(3))
  const value = text(drop.value).padStart(share ? 6 : 9)
  return interval ? `${value} [${text(drop.low)}, ${text(drop.high)}]`.padEnd(share ? 22 : 34) : value
}

function decibels(sqnr: number | null): string {
  return sqnr === null ? '∞' : sqnr.toFixed(1)
}

/** How far the worst tensor's range is stretched. */
function outliersOf({ tensors }: QuantizeLayer): string {
  const worst = Math.max(1, ...tensors.map(t => t.outliers))
  return `${worst < 100 ? worst.toFixed(1) : Math.round(worst)}×`
}

/** Each tensor with its histogram and where calibrations cut, and what helps. */
export function describeLayer({ node, tensors, findings }: LayerDetail): string {
  const parts = tensors.map(tensor => {
    const about = [
      `range ${number(tensor.min)} to ${number(tensor.max)}`,
      `outliers ${tensor.outliers.toFixed(1)}×`,
      `clipped ${formatShare(tensor.clipped)}`,
      `${decibels(tensor.sqnr)} dB`,
      ...(tensor.imbalance === null ? [] : [`widest channel ${tensor.imbalance.toFixed(1)}× the median`]),
    ]
    const ranges = tensor.ranges.map(r => [
      r.calibration,
      `${number(r.min)} to ${number(r.max)}`,
      `${decibels(r.sqnr)} dB`,
    ])
    return [
      `${tensor.role} ${plain(tensor.name)}: ${about.join(', ')}`,
      ...histogramLines(tensor.histogram, tensor.ranges[0]),
      ...(tensor.role === 'weight' ? [] : [columns(ranges, [2])]),
    ].join('\n')
  })
  return [plain(node), '', parts.join('\n\n'), '', ...findings.map(f => `• ${f.message}`)].join('\n')
}

function number(value: number): string {
  return value.toPrecision(4)
}
