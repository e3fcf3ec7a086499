/** Which columns hold the texts. */
import type { DatasetSpec } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import type { Column, RawTable } from '../raw'

/** Names that usually hold a text, and those that usually hold two that belong together. */
const USUAL = [
  'text',
  'sentence',
  'content',
  'body',
  'message',
  'review',
  'document',
  'comment',
  'question',
  'tweet',
]
const PAIRS = [
  ['sentence1', 'sentence2'],
  ['premise', 'hypothesis'],
  ['question1', 'question2'],
  ['question', 'sentence'],
  ['question', 'context'],
  ['query', 'passage'],
  ['text1', 'text2'],
  ['text_a', 'text_b'],
]

/**
 * One column of text, or two for pairs: as the specification says for the inputs `fed`, else by the usual names, else the
 * only one there is. Throws `bad-option` or `bad-data` for columns that are missing, hold no text, or cannot be told.
 */
export function textColumns(
  raw: RawTable,
  spec: Pick<DatasetSpec, 'inputs' | 'source'>,
  fed: readonly string[],
  labels: string | null,
): Column[] {
  const { columns } = raw.table
  const chosen = fed.map(name => spec.inputs[name] ?? []).filter(names => names.length > 0)
  const [first, ...others] = chosen
  if (first) {
    if (others.some(names => names.join('\0') !== first.join('\0'))) {
      throw new BantamError('bad-option', 'The inputs for one text are given different columns.', {
        where: spec.source,
        action: 'Give all of them the same column, or the same two.',
      })
    }
    if (first.length > 2) {
      throw new BantamError(
        'bad-option',
        `A text comes from one column, or a pair from two, not from ${first.length}.`,
        {
          where: spec.source,
        },
      )
    }
    return first.map(name => column(columns, name, spec.source))
  }
  return guess(
    columns.filter(c => c.name !== labels && c.text),
    spec.source,
  ).map(name => column(columns, name, spec.source))
}

function column(columns: readonly Column[], name: string, where: string): Column {
  const found = columns.find(c => c.name === name)
  if (!found) {
    throw new BantamError('bad-data', `There is no column ${name}.`, {
      where,
      action: `The columns are ${columns.map(c => c.name).join(', ')}.`,
    })
  }
  const what = found.shape.length > 0 ? 'lists' : 'numbers'
  const fault = found.text ? found.textFault : `it holds ${what}`
  if (fault === undefined) return found
  throw new BantamError('bad-data', `Column ${name} should hold text, but ${fault}.`, {
    where,
    action: 'Correct the file or choose another column.',
  })
}

function guess(free: readonly Column[], where: string): string[] {
  const names = free.map(c => c.name)
  const byLower = new Map(names.map(name => [name.toLowerCase(), name]))
  const pair = PAIRS.map(p => p.flatMap(name => byLower.get(name) ?? [])).find(p => p.length === 2)
  if (pair) return pair
  const usual = USUAL.map(name => byLower.get(name)).find(name => name !== undefined)
  if (usual !== undefined) return [usual]
  const [only, ...more] = names
  if (only !== undefined && more.length === 0) return [only]
  throw new BantamError(
    'bad-data',
    only === undefined
      ? 'The table has no column of text.'
      : `Several columns hold text: ${names.join(', ')}.`,
    { where, action: only === undefined ? 'Choose other data.' : 'Say which one the model reads.' },
  )
}

/** Whether a table has something to read as text beside its labels. */
export function hasText(raw: RawTable, labels: string | null): boolean {
  return raw.table.columns.some(c => c.name !== labels && c.text)
}
