/** Trials of a search in words. */
import type { SearchTrial } from '../../../shared/quantize'
import { isCalibration } from './choices'
import { SAYS } from './options'
import { CALIBRATION_WORDS } from './words'

/** How scales are chosen otherwise than asked for: 'equalized, percentile'; nothing where they are not. */
export function settingsText({ settings = {} }: Pick<SearchTrial, 'settings'>): string {
  return Object.entries(settings)
    .map(([name, value]) => {
      if (name === 'weightRange') return 'weights cut at the least error'
      if (name === 'calibration' && isCalibration(value))
        return `calibrated by ${CALIBRATION_WORDS[value].title}`
      return SAYS[name] ?? name
    })
    .join(', ')
}

/** 'everything in 8 bits, equalized', '2 layers in float and 1 in 16 bits'. */
export function trialText(trial: Pick<SearchTrial, 'float' | 'wide' | 'settings'>): string {
  const { float, wide } = trial
  const parts = [
    ...(float.length > 0 ? [`${float.length} ${float.length === 1 ? 'layer' : 'layers'} in float`] : []),
    ...(wide.length > 0 ? [`${wide.length} in 16 bits`] : []),
  ]
  const settings = settingsText(trial)
  return `${parts.length > 0 ? parts.join(' and ') : 'everything in 8 bits'}${settings && `, ${settings}`}`
}
