/**
 * Which array, columns or pictures feed which input of the model: as the specification says, else by equal names, else
 * by order when there is one for each.
 */
import type { DatasetSpec, Note, TensorInfo, TextRole } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { CacheShape } from '../language/recognise'
import type { ElementType } from '../runtime/tensor'
import type { ArrayField } from './field'
import type { Column, RawArrays, RawData, RawTable } from './raw'
import { refuseFault } from './table'
import type { TextReader } from './text/reader'

export type Binding = { input: TensorInfo } & (
  | { kind: 'pictures' }
  | { kind: 'array'; field: ArrayField }
  | { kind: 'columns'; columns: Column[] }
  | { kind: 'text'; columns: Column[]; reader: TextReader; role: TextRole }
  // Keys and values of the past that no data holds: none.
  | { kind: 'empty'; cache: CacheShape }
)

export interface Bindings {
  bindings: Binding[]
  notes: Note[]
}

/** Name under which a folder's pictures appear among fields. */
export const PICTURE_FIELD = 'image'

/**
 * Finds the source of every model input; `labels` is the field that is not an input. Without model inputs, every field
 * feeds an input of its own name and type. Throws `bad-data` that lists both sides when it cannot tell.
 */
export function bindInputs(
  raw: RawData,
  inputs: readonly TensorInfo[],
  spec: Pick<DatasetSpec, 'inputs' | 'source'>,
  labels: string | null,
): Bindings {
  refuseUnknownInputs(spec, inputs)
  if (raw.kind === 'pictures') return { bindings: bindPictures(inputs, spec.source), notes: [] }
  return raw.kind === 'arrays' ? bindArrays(raw, inputs, spec, labels) : bindTable(raw, inputs, spec, labels)
}

/** Throws `bad-option` when the specification feeds an input that the model does not have. */
export function refuseUnknownInputs(
  spec: Pick<DatasetSpec, 'inputs' | 'source'>,
  inputs: readonly TensorInfo[],
): void {
  const unknown = Object.keys(spec.inputs).find(
    name => inputs.length > 0 && !inputs.some(i => i.name === name),
  )
  if (unknown === undefined) return
  throw new BantamError('bad-option', `The model has no input ${unknown}.`, {
    where: spec.source,
    action: `Its inputs are ${list(inputs.map(i => i.name))}.`,
  })
}

function bindPictures(inputs: readonly TensorInfo[], source: string): Binding[] {
  if (inputs.length > 1) {
    throw new BantamError(
      'bad-data',
      `The model has ${inputs.length} inputs (${list(inputs.map(i => i.name))}); a folder of pictures feeds one.`,
      { where: source, action: 'Use an .npz file with one array for each input.' },
    )
  }
  const none: TensorInfo = { name: PICTURE_FIELD, type: 'float32', shape: ['N', 'C', 'H', 'W'] }
  return [{ kind: 'pictures', input: inputs[0] ?? none }]
}

function bindArrays(
  raw: RawArrays,
  inputs: readonly TensorInfo[],
  spec: Pick<DatasetSpec, 'inputs' | 'source'>,
  labels: string | null,
): Bindings {
  const free = raw.fields.filter(f => f.name !== labels && !(f.name === 'classes' && f.type === 'string'))
  if (inputs.length === 0) {
    const numeric = free.filter(f => f.type !== 'string')
    return { bindings: numeric.map(field => ({ kind: 'array', field, input: ownInput(field) })), notes: [] }
  }
  const names = new Map(raw.fields.map(f => [f.name, f]))
  const chosen = inputs.map(input => {
    const named = spec.inputs[input.name]
    if (!named || named.length === 0)
      return names.get(input.name) !== undefined && input.name !== labels ? names.get(input.name) : undefined
    const field = names.get(named[0] ?? '')
    if (named.length === 1 && field) return field
    throw new BantamError(
      'bad-data',
      `There is no array ${list(named)} for the model's input ${input.name}.`,
      {
        where: spec.source,
        action: `The file has ${list(raw.fields.map(f => f.name))}.`,
      },
    )
  })
  const missing = inputs.filter((_, i) => !chosen[i])
  const rest = free.filter(f => !chosen.includes(f))
  const notes =
    missing.length > 0
      ? [
          orderNote(
            missing,
            rest.map(f => f.name),
          ),
        ]
      : []
  if (missing.length > 0 && rest.length !== missing.length)
    throw noMatch(
      inputs,
      free.map(f => f.name),
      'arrays',
      spec.source,
    )
  const bindings = inputs.map((input, i): Binding => {
    const field = chosen[i] ?? rest.shift()
    if (!field)
      throw noMatch(
        inputs,
        free.map(f => f.name),
        'arrays',
        spec.source,
      )
    return { kind: 'array', field, input }
  })
  return { bindings, notes }
}

function ownInput(field: ArrayField): TensorInfo {
  return { name: field.name, type: field.type, shape: field.constant ? [] : ['N', ...field.shape] }
}

function orderNote(inputs: readonly TensorInfo[], fields: readonly string[]): Note {
  const pairs = inputs.map((input, i) => `${fields[i]} → ${input.name}`)
  return {
    code: 'matched-by-order',
    severity: 'info',
    message: `Names differ, so arrays were matched to inputs by order: ${list(pairs)}.`,
  }
}

function bindTable(
  raw: RawTable,
  inputs: readonly TensorInfo[],
  spec: Pick<DatasetSpec, 'inputs' | 'source'>,
  labels: string | null,
): Bindings {
  const { columns } = raw.table
  const free = columns.filter(c => c.name !== labels && c.type !== 'string' && !c.fault)
  if (inputs.length === 0) {
    return { bindings: free.map(c => ({ kind: 'columns', columns: [c], input: columnInput(c) })), notes: [] }
  }
  const find = (name: string, input: TensorInfo): Column => {
    const column = columns.find(c => c.name === name)
    if (!column) {
      throw new BantamError('bad-data', `There is no column ${name} for the model's input ${input.name}.`, {
        where: spec.source,
        action: `The columns are ${list(columns.map(c => c.name))}.`,
      })
    }
    refuseFault(column, spec.source)
    if (column.type !== 'string') return column
    throw new BantamError('bad-data', `Column ${name} holds text, which needs a tokenizer.`, {
      where: spec.source,
      action: 'Choose a tokenizer.json, or columns of numbers.',
    })
  }
  const bound = inputs.map((input): Column[] | undefined => {
    const named = spec.inputs[input.name]
    if (named && named.length > 0) return named.map(name => find(name, input))
    const same = columns.find(c => c.name === input.name && c.name !== labels && c.type !== 'string')
    return same ? [find(same.name, input)] : undefined
  })
  const missing = inputs.filter((_, i) => !bound[i])
  const used = new Set(bound.flatMap(c => c ?? []))
  const rest = free.filter(c => !used.has(c))
  if (missing.length === 1 && rest.length > 0) {
    return {
      bindings: inputs.map((input, i) => ({ kind: 'columns', columns: bound[i] ?? rest, input })),
      notes: leftOutNotes(columns, labels),
    }
  }
  if (missing.length !== 0 && missing.length !== rest.length)
    throw noMatch(
      inputs,
      free.map(c => c.name),
      'columns of numbers',
      spec.source,
    )
  const notes =
    missing.length > 0
      ? [
          orderNote(
            missing,
            rest.map(c => c.name),
          ),
        ]
      : []
  return {
    bindings: inputs.map((input, i) => ({ kind: 'columns', columns: bound[i] ?? rest.splice(0, 1), input })),
    notes,
  }
}

/** Columns that an input made of all the others does without. */
function leftOutNotes(columns: readonly Column[], labels: string | null): Note[] {
  const out = columns.filter(c => c.name !== labels && (c.type === 'string' || c.fault))
  if (out.length === 0) return []
  const names = out.map(c => (c.fault ? `${c.name} (${c.fault})` : `${c.name} (text)`))
  return [{ code: 'columns-left-out', severity: 'warning', message: `Columns left out: ${list(names)}.` }]
}

function columnInput(column: Column): TensorInfo {
  return { name: column.name, type: columnType(column), shape: ['N', ...column.shape] }
}

/** Type a column's values are fed as when no model says. */
function columnType(column: Column): ElementType {
  return column.type === 'int64' || column.type === 'bool' ? column.type : 'float32'
}

function noMatch(
  inputs: readonly TensorInfo[],
  names: readonly string[],
  what: string,
  source: string,
): BantamError {
  const wants = list(inputs.map(i => `${i.name} [${i.shape.join(', ')}]`))
  return new BantamError(
    'bad-data',
    `The data's ${what} (${list(names) || 'none'}) do not match the model's inputs (${wants}).`,
    { where: source, action: 'Name them as the inputs, or say which feeds which.' },
  )
}

function list(names: readonly string[]): string {
  return names.length > 12 ? `${names.slice(0, 11).join(', ')}, … (${names.length})` : names.join(', ')
}
