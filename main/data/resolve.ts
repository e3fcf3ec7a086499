/** From a specification with gaps to one that says everything: labels, inputs, preprocessing. */
import type {
  ArrayPreprocessing,
  DatasetSpec,
  ImagePreprocessing,
  Note,
  TensorInfo,
} from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { cacheShape, inputCache, takesLanguage } from '../language/recognise'
import { checkArrayOptions, IDENTITY } from './array'
import { type Binding, bindInputs, PICTURE_FIELD, refuseUnknownInputs } from './bind'
import { checkImageOptions, imageShape } from './image'
import { labelName, readLabels } from './label-source'
import { type Labels, makeLabels, NO_LABELS } from './labels'
import { pictureLayout } from './picture'
import type { RawData } from './raw'
import { type Fit, fitShape } from './shape'
import { type Suggestion, suggestPreprocessing } from './suggest'
import { setUpText, type TextSetup } from './text/setup'
import { isFloatType, isNumericType } from './values'

/** One model input: where its values come from and the shape of one sample as the model takes it. */
export interface Feed {
  binding: Binding
  shape: number[]
  /** Preprocessing applied to this input; integers inputs of array data have none, and a reader of text has its own. */
  preprocessing: ImagePreprocessing | ArrayPreprocessing
  /** Whether the length of the last axis depends on the batch: texts padded to the longest of them. */
  open?: boolean
}

export interface Resolved {
  spec: DatasetSpec
  labels: Labels
  feeds: Feed[]
  text: TextSetup | undefined
  notes: Note[]
}

/** A language model has no labels, unless some are asked for: what follows in a text is what it is measured on. */
export function forLanguage(spec: DatasetSpec, inputs: readonly TensorInfo[]): DatasetSpec {
  const asked = typeof spec.labels === 'string' || (spec.task !== undefined && spec.task !== 'none')
  return takesLanguage(inputs) && !asked ? { ...spec, labels: null, task: 'none' } : spec
}

/** Labels of the whole data, by the specification or by the usual names. Throws `bad-data` when chosen ones are missing. */
export function resolveLabels(
  raw: RawData,
  spec: DatasetSpec,
  inputs: readonly TensorInfo[],
): { name: string | null; labels: Labels } {
  const name = spec.task === 'none' ? null : labelName(raw, spec, inputs)
  const found = name === null ? undefined : readLabels(raw, name)
  if (!found && spec.task !== undefined && spec.task !== 'none') {
    throw new BantamError('bad-data', `The data has no labels, which ${spec.task} needs.`, {
      where: spec.source,
      action: 'Say which array or column holds them, or open the data without labels.',
    })
  }
  return { name, labels: found ? makeLabels(found, spec.task, spec.source) : NO_LABELS }
}

/** Fits the data to the model. Throws `bad-data` or `bad-option` with what does not fit. */
export function resolve(raw: RawData, spec: DatasetSpec, inputs: readonly TensorInfo[]): Resolved {
  const { name, labels } = resolveLabels(raw, spec, inputs)
  refuseUnknownInputs(spec, inputs)
  const text = setUpText(raw, spec, inputs, name)
  const caches = emptyCaches(raw, spec, inputs)
  const rest = inputs.filter(i => !text?.roles.has(i.name) && !caches.some(c => c.binding.input === i))
  const { bindings, notes } =
    text && rest.length === 0 ? { bindings: [], notes: [] } : bindInputs(raw, rest, without(spec, text), name)
  const chosen = choosePreprocessing(raw, spec, inputs, bindings)
  const made = bindings.map(binding => makeFeed(binding, chosen.preprocessing, spec.source))
  const feeds = inModelOrder([...made.map(f => f.feed), ...(text ? textFeeds(text) : []), ...caches], inputs)
  return {
    spec: {
      ...spec,
      inputs: Object.fromEntries(feeds.map(f => [f.binding.input.name, sourceNames(f.binding)])),
      ...(raw.kind === 'pictures' && name !== null ? {} : { labels: name }),
      task: labels.task,
      preprocessing: text?.preprocessing ?? chosen.preprocessing,
    },
    labels,
    feeds,
    text,
    notes: [
      ...raw.notes,
      ...labels.notes,
      ...notes,
      ...chosen.notes,
      ...(text?.notes ?? []),
      ...made.flatMap(f => f.notes),
    ],
  }
}

/** Keys and values of the past, where the data has none: every sample begins without a past. */
function emptyCaches(raw: RawData, spec: DatasetSpec, inputs: readonly TensorInfo[]): Feed[] {
  return inputs.flatMap((input): Feed[] => {
    const cache = inputCache(input)
    const given =
      (spec.inputs[input.name] ?? []).length > 0 ||
      (raw.kind === 'arrays' && raw.fields.some(f => f.name === input.name))
    if (!cache || given) return []
    const shape = cacheShape(cache, 1, 0).filter((_, axis) => axis !== cache.batchAxis)
    return [{ binding: { kind: 'empty', input, cache }, shape, preprocessing: IDENTITY }]
  })
}

/** The specification of the inputs that are not fed by text. */
function without(spec: DatasetSpec, text: TextSetup | undefined): DatasetSpec {
  const inputs = Object.entries(spec.inputs).filter(([name]) => !text?.roles.has(name))
  return { ...spec, inputs: Object.fromEntries(inputs) }
}

/** What is done to everything that is no text. */
function choosePreprocessing(
  raw: RawData,
  { preprocessing }: DatasetSpec,
  inputs: readonly TensorInfo[],
  bindings: readonly Binding[],
): Suggestion {
  if (preprocessing && preprocessing.kind !== 'text') return { preprocessing, notes: [] }
  if (preprocessing || (inputs.length === 0 && raw.kind !== 'pictures')) {
    return { preprocessing: IDENTITY, notes: [] }
  }
  return suggestPreprocessing(bindings)
}

function textFeeds({ inputs, columns, reader, roles, preprocessing }: TextSetup): Feed[] {
  const { maxLength = 0, padding } = preprocessing
  return inputs.map(input => ({
    binding: { kind: 'text', input, columns, reader, role: roles.get(input.name) ?? 'ids' },
    shape: [maxLength],
    preprocessing: IDENTITY,
    ...(padding === 'longest' ? { open: true } : {}),
  }))
}

function inModelOrder(feeds: Feed[], inputs: readonly TensorInfo[]): Feed[] {
  if (inputs.length === 0) return feeds
  return inputs.flatMap(input => feeds.find(f => f.binding.input.name === input.name) ?? [])
}

function sourceNames(binding: Binding): string[] {
  if (binding.kind === 'pictures') return [PICTURE_FIELD]
  if (binding.kind === 'empty') return []
  return binding.kind === 'array' ? [binding.field.name] : binding.columns.map(c => c.name)
}

function makeFeed(
  binding: Binding,
  preprocessing: ImagePreprocessing | ArrayPreprocessing,
  source: string,
): { feed: Feed; notes: Note[] } {
  const { input } = binding
  if (!isNumericType(input.type)) {
    throw new BantamError(
      'unsupported',
      `The model's input ${input.name} is of type ${input.type}, which data cannot feed.`,
      {
        where: source,
        action: 'Bantam feeds token numbers, not strings: take a model without its tokenizer inside.',
      },
    )
  }
  if (binding.kind === 'array' && binding.field.type === 'string') {
    throw new BantamError(
      'unsupported',
      `The array ${binding.field.name} holds text, which needs a tokenizer.`,
      { where: source, action: 'Put the texts into a .jsonl, .csv or .parquet file.' },
    )
  }
  if (binding.kind === 'text' || binding.kind === 'empty') throw new TypeError('Nothing is left to fit')
  if (binding.kind === 'array' && binding.field.constant) return { feed: constantFeed(binding), notes: [] }
  if (preprocessing.kind === 'image' && isPicture(binding)) {
    checkImageOptions(preprocessing)
    const shape = fitPictures(imageShape(preprocessing), input)
    return { feed: { binding, shape, preprocessing }, notes: [] }
  }
  if (binding.kind === 'pictures') {
    throw new BantamError('bad-option', 'Pictures need picture preprocessing.', {
      where: source,
      action: 'Choose size, channels and normalisation of the pictures.',
    })
  }
  if (preprocessing.kind === 'image' && !isFloatType(input.type)) {
    return plainFeed(binding, IDENTITY)
  }
  if (preprocessing.kind === 'image') {
    throw new BantamError(
      'bad-option',
      `Picture preprocessing needs bytes (uint8) in the shape of a picture; ${sourceText(binding)} is not.`,
      {
        where: source,
        action: 'Choose array preprocessing.',
      },
    )
  }
  return plainFeed(binding, isFloatType(input.type) ? preprocessing : IDENTITY)
}

function isPicture(binding: Binding): boolean {
  if (binding.kind === 'pictures') return true
  return (
    binding.kind === 'array' &&
    binding.field.type === 'uint8' &&
    pictureLayout(binding.field.shape) !== undefined
  )
}

function fitPictures(shape: number[], input: TensorInfo): number[] {
  return fitShape(shape, input, 'Picture preprocessing').shape
}

function plainFeed(
  binding: Exclude<Binding, { kind: 'pictures' | 'text' | 'empty' }>,
  preprocessing: ArrayPreprocessing,
): { feed: Feed; notes: Note[] } {
  const { input } = binding
  const sample = sampleShape(binding)
  const fit: Fit = fitShape(sample, input, sourceText(binding))
  checkArrayOptions(preprocessing, fit.shape, input.name)
  const notes: Note[] = fit.reshaped
    ? [
        {
          code: 'reshaped',
          severity: 'info',
          message: `Samples of shape [${sample.join(', ')}] enter ${input.name} as [${fit.shape.join(', ')}].`,
        },
      ]
    : []
  return { feed: { binding, shape: fit.shape, preprocessing }, notes }
}

/** An array without axes feeds every batch as it is. */
function constantFeed(binding: Extract<Binding, { kind: 'array' }>): Feed {
  if (binding.input.shape.length > 1) {
    throw new BantamError(
      'bad-data',
      `The array ${binding.field.name} is a single value; the model's input ${binding.input.name} wants samples.`,
    )
  }
  return { binding, shape: [], preprocessing: IDENTITY }
}

/** Shape of one sample: an array's, a single list column's, or as many values as the columns hold. */
function sampleShape(binding: Exclude<Binding, { kind: 'pictures' | 'text' | 'empty' }>): readonly number[] {
  if (binding.kind === 'array') return binding.field.shape
  const [only, ...more] = binding.columns
  if (only && more.length === 0 && only.shape.length > 0) return only.shape
  if (only && more.length === 0 && binding.input.shape.length === 1) return []
  return [binding.columns.reduce((sum, c) => sum + c.width, 0)]
}

function sourceText(binding: Binding): string {
  if (binding.kind === 'pictures') return 'The picture'
  if (binding.kind === 'array') return `Array ${binding.field.name}`
  if (binding.kind === 'empty') return 'Nothing'
  const names = binding.columns.map(c => c.name)
  return names.length > 4
    ? `The ${names.length} columns ${names[0]} … ${names.at(-1)}`
    : `Column ${names.join(', ')}`
}
