/** What a source offers, before choices are made: for the import form and the command line. */
import {
  type DataProbe,
  DatasetSpec,
  type Note,
  type TensorInfo,
  TextPreprocessing,
} from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { PICTURE_FIELD } from './bind'
import { sampleRange, withSample } from './open'
import type { RawData } from './raw'
import { openRaw } from './read'
import { forLanguage, resolve, resolveLabels } from './resolve'
import { parseSource } from './source'
import { hasText } from './text/columns'
import { TOKENIZER_NAME } from './text/locate'
import { looksLikeText } from './text/roles'

/**
 * Looks into a source. Data that can be read but does not fit the model gives a probe with an error note (code
 * `does-not-fit`) and a suggestion without inputs, so that a person can choose. Throws as `openDataset` for data that
 * cannot be read.
 */
export async function probeData(source: string, modelInputs: TensorInfo[]): Promise<DataProbe> {
  const parsed = parseSource(source)
  const spec = withSample(forLanguage(DatasetSpec.parse({ source }), modelInputs), parsed)
  const raw = await openRaw(parsed.path)
  try {
    const range = sampleRange(parsed, raw.count)
    const notes: Note[] = []
    const suggestion = attempt(notes, () => resolve(raw, spec, modelInputs))
    const classes =
      suggestion?.labels.classes ?? attempt([], () => resolveLabels(raw, spec, modelInputs).labels.classes)
    return {
      format: raw.format,
      count: range.to - range.from,
      fields: fieldsOf(raw),
      classes: classes ?? [],
      suggestion: suggestion?.spec ?? withTextForm(raw, spec, modelInputs),
      notes: [...(suggestion?.notes ?? raw.notes), ...notes],
    }
  } finally {
    raw.close()
  }
}

/** Text that only lacks its tokenizer: the specification to be completed by choosing one. */
function withTextForm(raw: RawData, spec: DatasetSpec, inputs: readonly TensorInfo[]): DatasetSpec {
  if (spec.preprocessing || raw.kind !== 'table' || !looksLikeText(inputs) || !hasText(raw, null)) return spec
  const preprocessing = TextPreprocessing.parse({ kind: 'text', tokenizer: TOKENIZER_NAME })
  return { ...spec, preprocessing }
}

/** The result, or an error note in its place when the data does not fit. */
function attempt<T>(notes: Note[], work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof BantamError)) throw error
    const action = error.action ? { action: error.action } : {}
    notes.push({ code: 'does-not-fit', severity: 'error', message: error.message, ...action })
    return undefined
  }
}

function fieldsOf(raw: RawData): TensorInfo[] {
  switch (raw.kind) {
    case 'pictures':
      return [{ name: PICTURE_FIELD, type: 'uint8', shape: ['height', 'width', 3] }]
    case 'arrays':
      return raw.fields.map(f => ({ name: f.name, type: f.type, shape: [...f.shape] }))
    case 'table':
      return raw.table.columns.map(c => ({ name: c.name, type: c.type, shape: c.shape }))
  }
}
