/** One layer looked into: where its values lie, where each calibration cuts, and what helps. */
import { BantamError } from '../../../shared/errors'
import { CALIBRATIONS, type LayerDetail, type TensorDetail } from '../../../shared/quantize'
import { type TaskContext, within } from '../../jobs/context'
import { describeNode } from '../../onnx/graph'
import { codeRange } from '../affine'
import type { Histogram } from '../calibrate/histogram'
import { type CalibrationMethod, rangeFrom } from '../calibrate/ranges'
import type { ValueStatistics } from '../calibrate/statistics'
import type { StaticOptions } from '../static/options'
import type { PlannedLayer } from './alone'
import { activationChannels, type Channels } from './channels'
import { findingsOf } from './findings'
import { activationSqnr, channelRanges, weightSqnr, weightsOf } from './fit'
import { type Subject, type SubjectRequest, subjectOf, tensorFits } from './subject'

/** Bins of a histogram that is shown. */
const SHOWN = 256

export interface DetailRequest extends SubjectRequest {
  /** The layer's id, its first output. */
  layer: string
}

/** Looks. Throws `not-found` for a layer that static int8 would not quantize, and what planning and running throw. */
export async function layerDetail(request: DetailRequest, context: TaskContext): Promise<LayerDetail> {
  const subject = await subjectOf(request, within(context, 0, 0.8))
  const layer = subject.layers.find(({ planned }) => planned.id === request.layer)
  if (!layer)
    throw new BantamError('not-found', 'The layer is not among those that static int8 quantizes.', {
      where: request.layer,
      action: 'Choose a layer that the sensitivity lists.',
    })
  const { reads, makes, node } = layer
  const names = [...new Set(makes === null ? reads : [...reads, makes])]
  const { dataset, indices } = request.calibration
  const samples = { dataset, indices: indices.subarray(0, subject.options.samples) }
  const about = { samples, threads: request.threads }
  const channels = await activationChannels(subject.model, node, names, about, within(context, 0.8, 1))
  const tensors = tensorFits(subject, layer).map(fit =>
    fit.role === 'weight' ? weightDetail(subject, layer, fit) : activationDetail(subject, fit, channels),
  )
  const codes = codeRange(subject.decisions.activationType)
  const findings = await findingsOf({ subject, layer, tensors, channels, codes })
  return { id: layer.planned.id, node: describeNode(node), tensors, findings }
}

type Fit = Omit<TensorDetail, 'histogram' | 'ranges' | 'channels'>

function activationDetail(subject: Subject, fit: Fit, channels: ReadonlyMap<string, Channels>): TensorDetail {
  const { options, statistics, decisions } = subject
  const known = statistics.values.get(fit.name)
  const codes = codeRange(decisions.activationType)
  const { nonzero } = known?.histograms ?? {}
  const ranges =
    known === undefined
      ? []
      : CALIBRATIONS.map(calibration => {
          const { min, max } = rangeFrom(known, methodOf(calibration, options))
          const symmetric = options.symmetric && min < 0
          const sqnr = nonzero ? activationSqnr(nonzero, { min, max }, codes, symmetric) : null
          return { calibration, min, max, sqnr }
        })
  const own = channels.get(fit.name)
  return {
    ...fit,
    histogram: known ? shownHistogram(known) : { low: 0, high: 0, counts: [] },
    ranges,
    channels: own ? { min: own.min, max: own.max } : null,
  }
}

function methodOf(kind: CalibrationMethod['kind'], options: StaticOptions): CalibrationMethod {
  const { bins, percentile, symmetric } = options
  switch (kind) {
    case 'minmax':
      return { kind }
    case 'entropy':
      return { kind, bins }
    case 'percentile':
      return { kind, bins, percentile }
    case 'mse':
      return { kind, bins, symmetric }
  }
}

/** Every value, zeros too, between the least and the largest; at most `SHOWN` bins. */
function shownHistogram({ range, histograms }: ValueStatistics): TensorDetail['histogram'] {
  const { nonzero, magnitudes } = histograms
  if (!nonzero || !magnitudes) return { low: range.min, high: range.max, counts: [] }
  const all = Float64Array.from(nonzero.counts)
  const middle = Math.min(all.length - 1, all.length >> 1)
  all[middle] = (all[middle] ?? 0) + magnitudes.total - nonzero.total
  const first = binOf(nonzero, range.min)
  const past = binOf(nonzero, range.max) + 1
  const per = Math.max(1, Math.ceil((past - first) / SHOWN))
  const counts = Array.from({ length: Math.ceil((past - first) / per) }, (_, i) => {
    let sum = 0
    for (let k = first + i * per; k < Math.min(all.length, first + (i + 1) * per); k++) sum += all[k] ?? 0
    return sum
  })
  return { low: nonzero.edge(first), high: nonzero.edge(first + counts.length * per), counts }
}

function binOf({ low, high, counts }: Histogram, value: number): number {
  const at = Math.floor(((value - low) / (high - low)) * counts.length)
  return Math.min(counts.length - 1, Math.max(0, at))
}

function weightDetail(subject: Subject, layer: PlannedLayer, fit: Fit): TensorDetail {
  const weights = weightsOf(subject.model, subject.decisions, layer)
  const { min, max } = fit
  const perBin = max > min ? SHOWN / (max - min) : 0
  const counts = new Array<number>(SHOWN).fill(0)
  for (const value of weights?.values ?? []) {
    const bin = Math.min(SHOWN - 1, Math.floor((value - min) * perBin))
    counts[bin] = (counts[bin] ?? 0) + 1
  }
  const sqnr = weights ? weightSqnr(weights, subject.options.perChannel) : null
  return {
    ...fit,
    histogram: { low: min, high: max, counts },
    ranges: [{ calibration: 'minmax', min, max, sqnr }],
    channels: weights ? channelRanges(weights) : null,
  }
}
