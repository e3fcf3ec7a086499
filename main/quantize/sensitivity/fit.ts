/** How 8 bits fit the tensors of a layer, from kept statistics and weights: nothing is run. */
import type { TensorFit } from '../../../shared/quantize'
import { decibels } from '../../measure/signal'
import type { Model } from '../../onnx/model'
import { tensorDims } from '../../onnx/tensor'
import { affineFor, type CodeRange, codeRange, type Range, rangeOf, representable } from '../affine'
import type { Histogram } from '../calibrate/histogram'
import { rangeError } from '../calibrate/mse-range'
import type { ValueStatistics } from '../calibrate/statistics'
import type { StaticDecisions } from '../static/options'
import {
  channelAxis,
  codingOf,
  floatValues,
  quantizeWeight,
  type WeightCoding,
  weightScales,
} from '../weights'
import type { PlannedLayer } from './alone'

/** Share of the values that outliers are measured against. */
const MOST = 0.999

/** Fit of an activation for the range that is represented. `symmetric`: of codes about zero. */
export function activationFit(
  name: string,
  role: 'input' | 'output',
  statistics: ValueStatistics,
  codes: CodeRange,
  { range, symmetric }: { range: Range; symmetric: boolean },
): TensorFit {
  const { magnitudes, nonzero } = statistics.histograms
  const shown = representable(affineFor(range, codes, symmetric), codes)
  return {
    name,
    role,
    ...statistics.range,
    outliers: magnitudes ? outliersOf(magnitudes) : 1,
    clipped: nonzero && magnitudes ? beyond(nonzero, shown) / Math.max(1, magnitudes.total) : 0,
    sqnr: nonzero ? activationSqnr(nonzero, range, codes, symmetric) : null,
    imbalance: null,
  }
}

/** Of what is counted, for a range; zeros are always exact. Null where nothing is lost. */
export function activationSqnr(
  histogram: Histogram,
  range: Range,
  codes: CodeRange,
  symmetric: boolean,
): number | null {
  const { counts } = histogram
  let energy = 0
  for (let i = 0; i < counts.length; i++) {
    const [a, b] = [histogram.edge(i), histogram.edge(i + 1)]
    energy += ((counts[i] ?? 0) * (a * a + a * b + b * b)) / 3
  }
  return decibels(energy, rangeError(histogram, range, codes, symmetric))
}

/** The largest magnitude over that which 99.9 % stay below. */
function outliersOf(magnitudes: Histogram): number {
  const { counts, total, high } = magnitudes
  let seen = 0
  for (let i = 0; i < counts.length; i++) {
    const count = counts[i] ?? 0
    if (seen + count >= MOST * total && count > 0) {
      const inside = (MOST * total - seen) / count
      const [left, right] = [magnitudes.edge(i), magnitudes.edge(i + 1)]
      return stretch(high, left + inside * (right - left))
    }
    seen += count
  }
  return 1
}

/** The largest magnitude over a usual one; a million where that is next to nothing. */
function stretch(most: number, usual: number): number {
  return most === 0 ? 1 : Math.min(1e6, most / Math.max(usual, Number.MIN_VALUE))
}

/** Values outside a range, those of a bin at its edge in proportion. */
function beyond({ counts, low, high }: Histogram, range: Range): number {
  const width = (high - low) / counts.length
  let outside = 0
  for (let i = 0; i < counts.length; i++) {
    const [left, right] = [low + i * width, low + (i + 1) * width]
    const inside = Math.max(0, Math.min(right, range.max) - Math.max(left, range.min))
    outside += (counts[i] ?? 0) * Math.min(1, Math.max(0, 1 - inside / width))
  }
  return outside
}

/** The weights of a layer, as the plan codes them. */
export interface LayerWeights {
  name: string
  values: Float32Array
  dims: number[]
  /** Axis of the output channels; null where the tensor has none. */
  axis: number | null
  coding: WeightCoding
  planned: StaticDecisions['weights'][number]
}

/** Undefined for a layer without weights. */
export function weightsOf(
  model: Model,
  decisions: StaticDecisions,
  { weight, node }: PlannedLayer,
): LayerWeights | undefined {
  const tensor = weight === null ? undefined : model.graph.initializer(weight)
  const planned = decisions.weights.find(w => w.name === weight)
  if (!tensor || !planned) return undefined
  return {
    name: tensor.name,
    values: floatValues(tensor, model.directory),
    dims: tensorDims(tensor),
    axis: channelAxis(node, tensor.dims.length),
    coding: codingOf(decisions, planned),
    planned,
  }
}

export function weightFit(weights: LayerWeights): TensorFit {
  const { name, values } = weights
  const magnitudes = values.map(Math.abs).sort()
  const most = magnitudes.at(-1) ?? 0
  const usual = magnitudes[Math.max(0, Math.ceil(MOST * magnitudes.length) - 1)] ?? 0
  const channels = channelRanges(weights)
  const { sqnr, clipped } = weightLoss(weights, weights.planned)
  const widths = (channels?.max ?? []).map((max, c) => Math.max(max, -(channels?.min[c] ?? 0)))
  return {
    name,
    role: 'weight',
    ...rangeOf(values),
    outliers: stretch(most, usual),
    clipped,
    sqnr,
    imbalance: widths.length > 0 ? imbalanceOf(widths) : null,
  }
}

/** The largest over the median; 1 where all are zero. */
export function imbalanceOf(widths: readonly number[]): number {
  const sorted = [...widths].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const median =
    sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
  const most = sorted.at(-1) ?? 0
  return most === 0 ? 1 : most / Math.max(median, most * 1e-9)
}

/** Least and largest weight of every output channel; null where there are none. */
export function channelRanges({ values, dims, axis }: LayerWeights): { min: number[]; max: number[] } | null {
  if (axis === null) return null
  return rangesAlong(values, dims, axis)
}

/** Least and largest value for every index of an axis. */
export function rangesAlong(
  values: Float32Array,
  dims: readonly number[],
  axis: number,
): { min: number[]; max: number[] } {
  const channels = dims[axis] ?? 0
  const inner = dims.slice(axis + 1).reduce((product, d) => product * d, 1)
  const min = new Array<number>(channels).fill(Number.POSITIVE_INFINITY)
  const max = new Array<number>(channels).fill(Number.NEGATIVE_INFINITY)
  for (let i = 0; i < values.length; i++) {
    const c = Math.floor(i / inner) % channels
    const value = values[i] ?? 0
    if (value < (min[c] ?? 0)) min[c] = value
    if (value > (max[c] ?? 0)) max[c] = value
  }
  return { min, max }
}

/** What is lost with these scales, in signal to noise, and the share of the weights outside the codes. */
export function weightLoss(
  { values, dims, coding }: LayerWeights,
  scales: Pick<StaticDecisions['weights'][number], 'axis' | 'scales' | 'zeroPoint'>,
): { sqnr: number | null; clipped: number } {
  const codes = quantizeWeight(values, dims, scales, coding)
  const inner = scales.axis === null ? 1 : dims.slice(scales.axis + 1).reduce((product, d) => product * d, 1)
  const channels = scales.axis === null ? 1 : (dims[scales.axis] ?? 1)
  const { min, max } = codeRange(coding.type, { narrow: true, reduced: coding.reduced })
  let [signal, noise, outside] = [0, 0, 0]
  for (let i = 0; i < values.length; i++) {
    const scale = scales.scales[scales.axis === null ? 0 : Math.floor(i / inner) % channels] ?? 1
    const value = values[i] ?? 0
    signal += value * value
    noise += (value - scale * ((codes[i] ?? 0) - scales.zeroPoint)) ** 2
    const exact = value / scale + scales.zeroPoint
    if (exact < min - 0.5 || exact > max + 0.5) outside++
  }
  return { sqnr: decibels(signal, noise), clipped: outside / Math.max(1, values.length) }
}

/** `weightLoss` with the scales of the range, per channel or for the whole tensor. */
export function weightSqnr(weights: LayerWeights, perChannel: boolean): number | null {
  const { values, dims, axis, coding } = weights
  return weightLoss(weights, weightScales(values, dims, perChannel ? axis : null, coding)).sqnr
}
