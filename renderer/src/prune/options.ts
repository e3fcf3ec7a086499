/** From the form of pruning to the options of its techniques. */
import type { Field } from '../variant/schema'
import { methodTitle } from './methods'
import type { Width } from './widths'

export const RECOVERIES = ['distill', 'labels', 'statistics', 'none'] as const
export type RecoveryKind = (typeof RECOVERIES)[number]

export interface RecoveryForm {
  kind: RecoveryKind
  /** Of distillation and labels. */
  epochs: number
}

export const FIRST_EPOCHS = 3

/** Asked at the top, in the words of a sentence. */
const AMOUNT_OPTIONS: readonly string[] = ['amount', 'target', 'n', 'm']
/** What goes: shown at once. */
const MAIN_OPTIONS: readonly string[] = ['importance', 'score', 'error', 'distribution', 'scope']
/** Seldom changed: in a fold. */
const MORE_OPTIONS: readonly string[] = [
  'kinds',
  'exclude',
  'least',
  'multiple',
  'normalize',
  'steps',
  'samples',
]

/** On the chart, and under Recovery. */
const OWN_PLACES: readonly string[] = ['widths', 'recovery', 'recover']

export interface PruneFields {
  amount: Field[]
  main: Field[]
  more: Field[]
  /** Of recovery by training. */
  training: Field[]
}

/** Sorts a technique's options to their places; what no place knows is among the seldom changed or of training. */
export function pruneFields(fields: readonly Field[]): PruneFields {
  const pick = (names: readonly string[]) => names.flatMap(name => fields.find(f => f.name === name) ?? [])
  const known = [...AMOUNT_OPTIONS, ...MAIN_OPTIONS, ...MORE_OPTIONS]
  const others = fields.filter(f => !known.includes(f.name) && !OWN_PLACES.includes(f.name))
  const start = fields.findIndex(f => f.name === 'recovery')
  // Options of training come after the kind of recovery.
  const trained = (field: Field) => start >= 0 && fields.indexOf(field) > start
  return {
    amount: pick(AMOUNT_OPTIONS),
    main: pick(MAIN_OPTIONS),
    more: [...pick(MORE_OPTIONS), ...others.filter(f => !trained(f))],
    training: others.filter(trained),
  }
}

export function recoveryFrom(options: Readonly<Record<string, unknown>>, hasData: boolean): RecoveryForm {
  const { recovery, recover } = options
  const epochs = typeof recover === 'number' && recover > 0 ? recover : null
  if (recovery === 'statistics') return { kind: 'statistics', epochs: FIRST_EPOCHS }
  if (recovery === undefined && recover === undefined) {
    return { kind: hasData ? 'distill' : 'none', epochs: FIRST_EPOCHS }
  }
  if (epochs === null) return { kind: 'none', epochs: FIRST_EPOCHS }
  return { kind: recovery === 'labels' ? 'labels' : 'distill', epochs }
}

export function recoveryOptions({ kind, epochs }: RecoveryForm): { recovery: string; recover: number } {
  switch (kind) {
    case 'none':
      return { recovery: 'distill', recover: 0 }
    case 'statistics':
      return { recovery: 'statistics', recover: 0 }
    case 'distill':
    case 'labels':
      return { recovery: kind, recover: epochs }
  }
}

/** Why a recovery cannot be had; null where it can. */
export function recoveryProblem(
  kind: RecoveryKind,
  about: { data: boolean; labels: boolean },
): string | null {
  if (kind === 'none') return null
  if (!about.data) return 'Needs data, and this study has none.'
  return kind === 'labels' && !about.labels ? 'Needs labels, and the data has none.' : null
}

/** Seconds go into training, with curves to watch. */
export function trains({ kind }: RecoveryForm): boolean {
  return kind === 'distill' || kind === 'labels'
}

/** How much faster removing this share of the latency makes a model: 0.5 → 2. */
export function speedOf(amount: number): number {
  return 1 / (1 - amount)
}

/** The share of the latency to remove to be so much faster: 2 → 0.5. */
export function amountOf(speed: number): number {
  return 1 - 1 / speed
}

const UNITS: Readonly<Record<string, string>> = {
  macs: ' MACs',
  parameters: ' parameters',
  bytes: ' bytes',
}

/** 'Channels −50 % MACs', 'Heads 2× faster', 'Weights 2:4', with what was chosen by hand. */
export function defaultName(
  technique: string,
  values: Readonly<Record<string, unknown>>,
  widths: readonly Width[],
): string {
  const title = methodTitle(technique)
  const { amount, target, n, m } = values
  const hand = widths.length > 0 ? `, ${widths.length} by hand` : ''
  if (typeof amount !== 'number') return typeof n === 'number' ? `${n}:${m} sparse${hand}` : `${title}${hand}`
  if (target === 'latency') return `${title} ${Number(speedOf(amount).toFixed(2))}× faster${hand}`
  const percent = Number((amount * 100).toFixed(1))
  return `${title} −${percent} %${UNITS[String(target)] ?? ''}${hand}`
}
