/** From a specification with gaps to everything that turns a table's texts into a model's inputs. */
import type { DatasetSpec, Note, TensorInfo, TextPreprocessing, TextRole } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import { takesLanguage } from '../../language/recognise'
import type { Column, RawData, RawTable } from '../raw'
import { hasText, textColumns } from './columns'
import { tokenizerBeside, tokenizerPath } from './locate'
import { TextReader } from './reader'
import { declaredLength, looksLikeText, textRoles, usualInputs } from './roles'
import { openTokenizer, type TextTokenizer } from './tokenizer'

const DEFAULT_LENGTH = 128

export interface TextSetup {
  reader: TextReader
  /** Complete: digest, length and roles are filled in. */
  preprocessing: TextPreprocessing
  columns: Column[]
  /** Inputs fed by text, in the model's order. */
  inputs: TensorInfo[]
  roles: ReadonlyMap<string, TextRole>
  notes: Note[]
  /** Number that fills up. */
  padId: number
  /** Tokens as text, and one of them as the vocabulary has it. */
  decode(ids: ArrayLike<number>): string
  token(id: number): string
}

/**
 * What feeds a model with text: undefined when neither the specification asks for it nor model and data look like it (an
 * input called input_ids, a column of text, a tokenizer.json beside the data). Throws `bad-option`, `bad-data`,
 * `bad-file` or `not-found` with what does not fit.
 */
export function setUpText(
  raw: RawData,
  spec: DatasetSpec,
  modelInputs: readonly TensorInfo[],
  labels: string | null,
): TextSetup | undefined {
  const wanted = wantedPreprocessing(raw, spec, modelInputs, labels)
  if (!wanted) return undefined
  const { preprocessing, notes } = wanted
  if (raw.kind !== 'table') {
    throw new BantamError('bad-option', 'Text is read from tables: .csv, .jsonl or .parquet.', {
      where: spec.source,
      action: 'Choose such a file, or other preprocessing.',
    })
  }
  const path = tokenizerPath(preprocessing.tokenizer, spec.source)
  const tokenizer = openTokenizer(path, preprocessing.digest)
  const inputs = modelInputs.length > 0 ? modelInputs : usualInputs(preprocessing.roles)
  const roles = textRoles(inputs, preprocessing.roles)
  const declared = declaredLength(inputs, roles, preprocessing.roles, spec.source)
  const fed = inputs.filter(i => roles.has(i.name))
  const columns = textColumns(
    raw,
    spec,
    fed.map(i => i.name),
    labels,
  )
  const positions = fed.find(i => roles.get(i.name) === 'positions')?.rows
  const maxLength = chosenLength(preprocessing, declared, tokenizer, positions, spec.source)
  refusePositions(fed, roles, maxLength, spec.source)
  refuseShort(maxLength, tokenizer.specials(columns.length > 1), spec.source)
  const padding = declared === undefined ? preprocessing.padding : 'max'
  const complete: TextPreprocessing = {
    ...preprocessing,
    digest: tokenizer.digest,
    maxLength,
    padding,
    roles: Object.fromEntries(roles),
    ...samplesOf(preprocessing, modelInputs, labels, maxLength, spec.source),
  }
  const limits = fed.filter(i => roles.get(i.name) === 'ids').flatMap(i => i.rows ?? [])
  const rows = limits.length > 0 ? Math.min(...limits) : undefined
  return {
    reader: new TextReader(raw.table, columns, tokenizer, { ...complete, maxLength }, rows),
    preprocessing: complete,
    columns,
    inputs: fed,
    roles,
    notes: [
      ...notes,
      ...lengthNotes(preprocessing, declared, tokenizer, maxLength),
      ...(complete.samples === 'windows' ? [] : paddingNotes(tokenizer, roles, spec)),
      ...vocabularyNotes(tokenizer, rows),
    ],
    padId: tokenizer.padId,
    decode: ids => tokenizer.decode(ids),
    token: id => tokenizer.token(id),
  }
}

/** Windows where they are asked for, or the model continues texts and nothing else was asked for. */
function samplesOf(
  { samples }: TextPreprocessing,
  inputs: readonly TensorInfo[],
  labels: string | null,
  maxLength: number,
  where: string,
): Pick<TextPreprocessing, 'samples'> {
  const wanted = samples ?? (takesLanguage(inputs) && labels === null ? 'windows' : undefined)
  if (wanted === 'windows' && maxLength < 2) {
    throw new BantamError('bad-option', 'Of a window of one token nothing is predicted.', {
      where,
      action: 'Choose a length of at least 2.',
    })
  }
  return wanted === undefined ? {} : { samples: wanted }
}

function wantedPreprocessing(
  raw: RawData,
  spec: DatasetSpec,
  inputs: readonly TensorInfo[],
  labels: string | null,
): { preprocessing: TextPreprocessing; notes: Note[] } | undefined {
  if (spec.preprocessing) {
    return spec.preprocessing.kind === 'text' ? { preprocessing: spec.preprocessing, notes: [] } : undefined
  }
  if (raw.kind !== 'table' || !looksLikeText(inputs) || !hasText(raw, labels) || hasIds(raw, spec, inputs)) {
    return undefined
  }
  const tokenizer = tokenizerBeside(spec.source)
  if (tokenizer === undefined) {
    const names = inputs.map(i => i.name).join(', ')
    throw new BantamError(
      'bad-data',
      `The model takes tokens (${names}) and the data holds text: a tokenizer is needed.`,
      {
        where: spec.source,
        action: 'Choose the tokenizer.json that came with the model, or put it beside the data.',
      },
    )
  }
  const note: Note = {
    code: 'tokenizer-found',
    severity: 'info',
    message: 'Texts are cut into tokens by the tokenizer.json beside the data.',
    action: 'Check that it is the one the model was trained with.',
  }
  return {
    preprocessing: {
      kind: 'text',
      tokenizer,
      padding: 'max',
      multiple: 8,
      truncation: true,
      roles: {},
    },
    notes: [note],
  }
}

/** Whether the table holds token numbers already, so that nothing is left to cut. */
function hasIds({ table }: RawTable, spec: DatasetSpec, inputs: readonly TensorInfo[]): boolean {
  return inputs.some(({ name }) => {
    const names = spec.inputs[name] ?? [name]
    return names.length > 0 && names.every(n => table.columns.some(c => c.name === n && !c.text))
  })
}

function chosenLength(
  preprocessing: TextPreprocessing,
  declared: number | undefined,
  tokenizer: TextTokenizer,
  positions: number | undefined,
  where: string,
): number {
  const { maxLength } = preprocessing
  if (declared !== undefined && maxLength !== undefined && maxLength !== declared) {
    throw new BantamError(
      'bad-option',
      `The model takes exactly ${declared} tokens; the length chosen is ${maxLength}.`,
      { where, action: `Choose ${declared}, or leave it out.` },
    )
  }
  const usual = tokenizer.maxLength ?? DEFAULT_LENGTH
  return declared ?? maxLength ?? Math.min(usual, positions ?? usual)
}

/** Positions are looked up in a table too. */
function refusePositions(
  fed: readonly TensorInfo[],
  roles: ReadonlyMap<string, TextRole>,
  maxLength: number,
  where: string,
): void {
  const short = fed.find(i => roles.get(i.name) === 'positions' && (i.rows ?? maxLength) < maxLength)
  if (!short) return
  throw new BantamError(
    'bad-option',
    `The model knows ${short.rows} positions; the length chosen is ${maxLength}.`,
    { where, action: `Choose a length of at most ${short.rows}.` },
  )
}

function refuseShort(maxLength: number, specials: number, where: string): void {
  if (maxLength > specials) return
  throw new BantamError(
    'bad-option',
    `A length of ${maxLength} leaves no room for text: the tokenizer adds ${specials} special tokens.`,
    { where, action: 'Choose a larger length.' },
  )
}

function lengthNotes(
  { maxLength }: TextPreprocessing,
  declared: number | undefined,
  tokenizer: TextTokenizer,
  used: number,
): Note[] {
  if (declared !== undefined || maxLength !== undefined) return []
  const source = tokenizer.maxLength === undefined ? 'is suggested' : 'is what the tokenizer cuts at'
  return [
    {
      code: 'length-guess',
      severity: 'warning',
      message: `The model takes texts of any length; ${used} tokens ${source}.`,
      action: 'Choose the length it will be used with, at most what it was trained for.',
    },
  ]
}

function paddingNotes(
  tokenizer: TextTokenizer,
  roles: ReadonlyMap<string, TextRole>,
  spec: DatasetSpec,
): Note[] {
  if ([...roles.values()].includes('mask') || tokenizer.hasPad) return []
  return [
    {
      code: 'padding-unknown',
      severity: 'warning',
      message:
        'The tokenizer names no token for padding and the model takes no mask: short texts are filled with token 0.',
      node: spec.source,
    },
  ]
}

function vocabularyNotes(tokenizer: TextTokenizer, rows: number | undefined): Note[] {
  if (rows === undefined || tokenizer.size === rows) return []
  if (tokenizer.size < rows) return []
  return [
    {
      code: 'vocabulary',
      severity: 'warning',
      message: `The tokenizer knows ${tokenizer.size} tokens, the model ${rows}: they may not belong together.`,
      action: 'Take the tokenizer.json that came with the model.',
    },
  ]
}
