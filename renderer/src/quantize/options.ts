/** From the form of a quantization to 8 bits to the options of its techniques. */
import { changedValues, type Field } from '../variant/schema'
import { networkOptions, overridesOf } from './choices'

type Values = Readonly<Record<string, unknown>>

/** What helps when accuracy is lost: shown at once. */
const MAIN_OPTIONS: readonly string[] = [
  'calibration',
  'perChannel',
  'equalize',
  'smooth',
  'rounding',
  'weightRange',
  'biasCorrection',
]
/** What a search is asked for, in the names its options have. */
const GOAL_OPTIONS: readonly string[] = ['loseAtMost', 'goal', 'minutes', 'judged']

/** Chosen layer by layer. */
const OWN_PLACES: readonly string[] = ['overrides']

export interface QuantizeFields {
  goal: Field[]
  main: Field[]
  more: Field[]
}

/** Sorts a technique's options to their places; what no place knows is among the seldom changed. */
export function quantizeFields(fields: readonly Field[]): QuantizeFields {
  const pick = (names: readonly string[]) => names.flatMap(name => fields.find(f => f.name === name) ?? [])
  const goal = pick(GOAL_OPTIONS)
  const main = pick(MAIN_OPTIONS)
  return {
    goal,
    main,
    more: fields.filter(f => !goal.includes(f) && !main.includes(f) && !OWN_PLACES.includes(f.name)),
  }
}

/** Names of what a network may be quantized with, as a name of a variant says them. */
export const SAYS: Readonly<Record<string, string>> = {
  equalize: 'equalized',
  smooth: 'smoothed',
  biasCorrection: 'biases corrected',
  reduceRange: '7-bit weights',
}

/** 'Static int8, percentile, equalized, 1 in float, 2 in 16 bits'. */
export function defaultName(fields: readonly Field[], values: Values): string {
  const changes = changedValues([...fields], { ...values })
  const words: string[] = []
  if (typeof changes.calibration === 'string') words.push(changes.calibration)
  if (changes.perChannel === false) words.push('per tensor')
  if (changes.weights === 'int4') words.push('4-bit weights')
  if (changes.activations === 'float') words.push('weights alone')
  if (typeof changes.rounding === 'string' && changes.rounding !== 'nearest') words.push(changes.rounding)
  for (const [name, word] of Object.entries(SAYS)) {
    const value = changes[name]
    if (value === true || (typeof value === 'string' && value !== 'none')) words.push(word)
  }
  const float = Array.isArray(values.exclude) ? values.exclude.length : 0
  const overrides = overridesOf(values)
  const wide = overrides.filter(o => o.activations === 'int16').length
  const cut = overrides.filter(o => o.calibration !== undefined).length
  if (float > 0) words.push(`${float} in float`)
  if (wide > 0) words.push(`${wide} in 16 bits`)
  if (cut > 0) words.push(`${cut} calibrated apart`)
  return ['Static int8', ...words].join(', ').slice(0, 160)
}

/** 'Mixed precision, fastest within 0.5'. */
export function searchName({ loseAtMost, goal }: Values): string {
  const within = typeof loseAtMost === 'number' ? ` within ${loseAtMost}` : ''
  return `Mixed precision${typeof goal === 'string' ? `, ${goal}${within}` : ''}`
}

/** Options of the whole network that changed since something was measured with others; in their titles. */
export function changedSince(fields: readonly Field[], measured: Values, now: Values): string[] {
  const before = networkOptions(measured)
  const after = networkOptions(now)
  return fields
    .filter(f => f.name in after && f.name !== 'samples')
    .filter(f => JSON.stringify(before[f.name] ?? f.initial) !== JSON.stringify(after[f.name]))
    .map(f => f.title.toLowerCase())
}
