/** Where labels are in raw data, and their raw values. */
import type { DatasetSpec, TensorInfo } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { ArrayField } from './field'
import type { RawLabels } from './labels'
import type { Column, RawArrays, RawData, RawTable } from './raw'
import { numbersOf } from './values'

/** Names that usually hold labels, in order of preference; letters count the same in both cases. */
const USUAL = ['labels', 'label', 'y', 'target', 'targets', 'class', 'y_true']
/** What labels from class folders are called. */
const FOLDERS = 'folders'
const BLOCK = 65_536

/** Name of the label array or column; null without labels. Throws `bad-data` when the one asked for is missing. */
export function labelName(
  raw: RawData,
  spec: Pick<DatasetSpec, 'labels' | 'inputs' | 'source'>,
  inputs: readonly TensorInfo[],
): string | null {
  if (spec.labels === null) return null
  if (raw.kind === 'pictures') return raw.labels ? FOLDERS : null
  const names = raw.kind === 'arrays' ? raw.fields.map(f => f.name) : raw.table.columns.map(c => c.name)
  const byConvention = raw.kind === 'arrays' ? raw.labelField : undefined
  if (byConvention !== undefined) return byConvention
  if (spec.labels !== undefined) {
    if (names.includes(spec.labels)) return spec.labels
    throw new BantamError('bad-data', `There are no labels called ${spec.labels}.`, {
      where: spec.source,
      action: `The data has ${names.slice(0, 12).join(', ')}${names.length > 12 ? ', …' : ''}.`,
    })
  }
  const taken = new Set([...inputs.map(i => i.name), ...Object.values(spec.inputs).flat()])
  const free = names.filter(name => !taken.has(name))
  for (const usual of USUAL) {
    const name = free.find(n => n.toLowerCase() === usual)
    if (name !== undefined) return name
  }
  return null
}

/** Raw labels of every sample. Throws `bad-data` when they have more axes than one value or one row per sample. */
export function readLabels(raw: RawData, name: string): RawLabels | undefined {
  if (raw.kind === 'pictures') {
    if (!raw.labels) return undefined
    const { classes, values } = raw.labels
    return { name: 'the class folders', values, width: 1, texts: null, integral: true, classes }
  }
  return raw.kind === 'arrays' ? fromArray(raw, name) : fromTable(raw, name)
}

function fromArray(raw: RawArrays, name: string): RawLabels | undefined {
  const field = raw.fields.find(f => f.name === name)
  if (!field) return undefined
  if (field.constant || field.shape.length > 1) {
    throw new BantamError(
      'bad-data',
      `The labels in ${name} have shape [${[raw.count, ...field.shape].join(', ')}].`,
      {
        where: name,
        action: 'Give one class or one target per sample.',
      },
    )
  }
  const names = raw.fields.find(f => f.name === 'classes' && f.type === 'string' && f.shape.length === 0)
  const classes = names && !names.constant ? { classes: readTexts(names, names.count) } : {}
  const integral = !field.type.startsWith('float')
  const width = field.length
  if (field.type === 'string') {
    const { values, texts } = indexTexts(readTexts(field, raw.count))
    return { name, values, width, texts, integral, ...classes }
  }
  const values = new Float64Array(raw.count * width)
  for (let from = 0; from < raw.count; from += BLOCK) {
    const rows = range(from, Math.min(raw.count, from + BLOCK))
    values.set(numbersOf(field.read(rows), field.type), from * width)
  }
  return { name, values, width, texts: null, integral, ...classes }
}

function fromTable(raw: RawTable, name: string): RawLabels | undefined {
  const column: Column | undefined = raw.table.columns.find(c => c.name === name)
  if (!column) return undefined
  if (column.type === 'string' && !column.texts) {
    throw new BantamError('bad-data', `Column ${name} holds too many different texts to be classes.`, {
      where: name,
      action: 'Choose another column for the labels.',
    })
  }
  if (column.shape.length > 1) {
    throw new BantamError(
      'bad-data',
      `The labels in ${name} have shape [${column.shape.join(', ')}] per sample.`,
      {
        where: name,
        action: 'Give one class or one target per sample.',
      },
    )
  }
  const values = new Float64Array(raw.count * column.width)
  for (let from = 0; from < raw.count; from += BLOCK) {
    values.set(raw.table.read([column], range(from, Math.min(raw.count, from + BLOCK))), from * column.width)
  }
  return { name, values, width: column.width, texts: column.texts, integral: column.type === 'bool' }
}

function readTexts(field: ArrayField, count: number): string[] {
  const data = field.read(range(0, count))
  return Array.isArray(data) ? data : []
}

function indexTexts(all: readonly string[]): { values: Float64Array; texts: string[] } {
  const places = new Map<string, number>()
  const values = Float64Array.from(all, text => {
    const known = places.get(text)
    if (known !== undefined) return known
    places.set(text, places.size)
    return places.size - 1
  })
  return { values, texts: [...places.keys()] }
}

function range(from: number, to: number): Uint32Array {
  return Uint32Array.from({ length: to - from }, (_, i) => from + i)
}
