/** From what is known of a value on samples to the range that a calibration represents. */
import { BantamError } from '../../../shared/errors'
import { codeRange, type Range } from '../affine'
import type { Histogram } from './histogram'
import { mseRange } from './mse-range'
import type { Counted, ValueStatistics } from './statistics'
import { entropyRange, percentileRange } from './thresholds'

/** Bins by which the windows of the entropy calibration grow: finer than that the divergence hardly changes. */
const WINDOW_STEP = 4
/** Codes of an 8-bit type. */
const CODES = 256

export type CalibrationMethod =
  | { kind: 'minmax' }
  | { kind: 'entropy'; bins: number }
  | { kind: 'percentile'; bins: number; percentile: number }
  /** `symmetric`: whether values of both signs get codes symmetric about zero. */
  | { kind: 'mse'; bins: number; symmetric: boolean }

/** What a method counts of every value; null where the range alone is enough. */
export const COUNTED: Readonly<Record<CalibrationMethod['kind'], Counted | null>> = {
  minmax: null,
  entropy: 'nonzero',
  percentile: 'magnitudes',
  mse: 'nonzero',
}

/** The range, never wider than the values seen. Throws `internal` when its histogram was not counted. */
export function rangeFrom(value: ValueStatistics, method: CalibrationMethod): Range {
  const { range } = value
  const counted = COUNTED[method.kind]
  if (counted === null || (range.min === 0 && range.max === 0)) return { ...range }
  const histogram = value.histograms[counted]
  if (!histogram) throw new BantamError('internal', `Nothing was counted for the calibration ${method.kind}.`)
  const narrow = narrowed(histogram, range, method)
  return { min: Math.max(range.min, narrow.min), max: Math.min(range.max, narrow.max) }
}

function narrowed(histogram: Histogram, range: Range, method: CalibrationMethod): Range {
  switch (method.kind) {
    case 'minmax':
      return range
    case 'entropy':
      return leastLoss(histogram, range)
    case 'percentile':
      return percentileRange(histogram, method.percentile)
    case 'mse':
      return mseRange(histogram, range, codeRange('uint8'), method.symmetric)
  }
}

/**
 * Entropy over the codes there are: 256 on the side or sides that are used. Zeros are not counted: they are always
 * exact, and the spike that a Relu makes of them would hide everything else.
 */
function leastLoss(histogram: Histogram, range: Range): Range {
  const levels = range.min < 0 && range.max > 0 ? CODES : 2 * CODES
  return entropyRange(histogram, Math.min(levels, histogram.counts.length), WINDOW_STEP)
}
