/**
 * Labels → classes or targets.
 *
 * - Whole numbers from 0 up are the class indices themselves, so that a part of a dataset means the same classes as the
 *   whole and a class that does not occur keeps its place.
 * - The numbers 1 … K, all of them occurring and 0 not, are classes 0 … K-1 (said in a note).
 * - Other whole numbers and texts are classes in ascending order (texts by code unit).
 * - Rows with a single 1 among zeros (one-hot) are the place of the 1.
 * - Everything else is a target of regression.
 */
import type { DatasetSummary, Note } from '../../shared/domain'
import { BantamError } from '../../shared/errors'

export interface Labels {
  task: DatasetSummary['task']
  classes: string[]
  /** Class index or target of every sample; empty with task `none`. */
  values: Float64Array
  notes: Note[]
}

export interface RawLabels {
  /** Array or column they come from. */
  name: string
  /** One value per sample, or `width` per sample (one-hot). NaN is a missing label. */
  values: Float64Array
  width: number
  /** What an index of `values` means, for texts. */
  texts: string[] | null
  /** Whether the values are stored as whole numbers or truth values, rather than only happening to be whole. */
  integral: boolean
  /** Class names given by the data itself, if it does. */
  classes?: string[]
}

export const NO_LABELS: Labels = { task: 'none', classes: [], values: new Float64Array(0), notes: [] }

/** Numbers above this are taken for identifiers, not for indices. */
const INDEX_LIMIT = 100_000

/**
 * Turns raw labels into classes or targets; `task` is what the person chose, if they did.
 * Throws `bad-data` for missing labels, classes out of range, or targets that are no numbers.
 */
export function makeLabels(raw: RawLabels, task: DatasetSummary['task'] | undefined, where: string): Labels {
  if (task === 'none') return NO_LABELS
  const values = raw.width === 1 ? raw.values : oneHot(raw, where)
  refuseMissing(values, raw, where)
  if (raw.texts) return textLabels(values, raw, raw.texts, task, where)
  const whole = values.every(Number.isInteger)
  const distinct = [...new Set(values)].sort((a, b) => a - b)
  if (task === 'regression' || (task === undefined && !looksLikeClasses(raw, whole, distinct.length))) {
    return { task: 'regression', classes: [], values, notes: [] }
  }
  if (!whole) {
    throw new BantamError(
      'bad-data',
      `The labels in ${raw.name} are not whole numbers, so they are no classes.`,
      {
        where,
        action: 'Choose regression, or other labels.',
      },
    )
  }
  if (raw.classes) return namedClasses(values, raw.classes, raw.name, where)
  return numberedClasses(values, distinct)
}

function looksLikeClasses(raw: RawLabels, whole: boolean, distinct: number): boolean {
  if (!whole) return false
  if (raw.width > 1 || raw.classes) return true
  const limit = raw.integral ? Math.max(1000, raw.values.length / 10) : Math.max(20, raw.values.length / 20)
  return distinct <= limit
}

function refuseMissing(values: Float64Array, raw: RawLabels, where: string): void {
  let missing = 0
  let first = -1
  for (let i = 0; i < values.length; i++) {
    if (!Number.isNaN(values[i])) continue
    missing++
    if (first < 0) first = i
  }
  if (missing === 0) return
  throw new BantamError(
    'bad-data',
    `${missing} of ${values.length} samples have no label in ${raw.name}; the first is sample ${first}.`,
    { where, action: 'Fill them in, take them out, or open the data without labels.' },
  )
}

function oneHot(raw: RawLabels, where: string): Float64Array {
  const count = raw.values.length / raw.width
  const values = new Float64Array(count)
  for (let sample = 0; sample < count; sample++) {
    const row = raw.values.subarray(sample * raw.width, (sample + 1) * raw.width)
    const place = row.indexOf(1)
    if (place < 0 || row.some((value, i) => i !== place && value !== 0)) {
      throw new BantamError(
        'bad-data',
        `The labels in ${raw.name} have ${raw.width} values per sample and are not one-hot (sample ${sample}).`,
        { where, action: 'Give one class or one target per sample.' },
      )
    }
    values[sample] = place
  }
  return values
}

function textLabels(
  values: Float64Array,
  raw: RawLabels,
  texts: readonly string[],
  task: DatasetSummary['task'] | undefined,
  where: string,
): Labels {
  if (task === 'regression') {
    throw new BantamError(
      'bad-data',
      `The labels in ${raw.name} are text, so they are no targets of regression.`,
      {
        where,
        action: 'Choose classification, or other labels.',
      },
    )
  }
  const used = [...new Set(values)].map(i => texts[i] ?? '')
  const classes = raw.classes ?? used.sort(byCodeUnit)
  const place = new Map(classes.map((name, i) => [name, i]))
  const unknown = used.find(name => !place.has(name))
  if (unknown !== undefined) {
    throw new BantamError('bad-data', `The label "${unknown}" is no known class.`, {
      where,
      action: `Classes are ${shortList(classes)}.`,
    })
  }
  return {
    task: 'classification',
    classes,
    values: values.map(v => place.get(texts[v] ?? '') ?? 0),
    notes: [],
  }
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function namedClasses(values: Float64Array, classes: string[], name: string, where: string): Labels {
  const at = values.findIndex(value => value < 0 || value >= classes.length)
  if (at >= 0) {
    throw new BantamError(
      'bad-data',
      `Sample ${at} has the label ${values[at]} in ${name}, but there are ${classes.length} classes (0 to ${classes.length - 1}).`,
      { where, action: `Classes are ${shortList(classes)}.` },
    )
  }
  return { task: 'classification', classes: [...classes], values, notes: [] }
}

function numberedClasses(values: Float64Array, distinct: readonly number[]): Labels {
  const low = distinct[0] ?? 0
  const high = distinct.at(-1) ?? 0
  const fromOne = low === 1 && high === distinct.length && high > 1
  if (low >= 0 && high < INDEX_LIMIT && !fromOne) {
    const classes = Array.from({ length: high + 1 }, (_, i) => String(i))
    return { task: 'classification', classes, values, notes: [] }
  }
  const place = new Map(distinct.map((value, i) => [value, i]))
  const note: Note = {
    code: 'labels-renumbered',
    severity: 'warning',
    message: fromOne
      ? `Labels 1 to ${high} are taken as classes 0 to ${high - 1}.`
      : `Labels ${shortList(distinct.map(String))} are taken as classes 0 to ${distinct.length - 1}, in this order.`,
    action: 'Check that this is the order of the model’s outputs.',
  }
  return {
    task: 'classification',
    classes: distinct.map(String),
    values: values.map(value => place.get(value) ?? 0),
    notes: [note],
  }
}

function shortList(names: readonly string[]): string {
  return names.length > 8 ? `${names.slice(0, 7).join(', ')}, … (${names.length})` : names.join(', ')
}
