/** Opening a dataset: from its specification and the model's inputs to samples that can be read. */
import {
  DatasetSpec,
  type DatasetSummary,
  type Note,
  type SamplePreview,
  type SplitName,
  type TensorInfo,
  type TextPreview,
} from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { openWindows } from '../language/open'
import type { Tensor } from '../runtime/tensor'
import type { Batch, Dataset } from './dataset'
import { encodePng } from './decode'
import { describeTensor, extremes } from './describe'
import { readFeed } from './feed'
import { dataHash } from './identity'
import type { Labels } from './labels'
import { pictureLayout, stretchLevels, toLevels, toPixels } from './picture'
import type { RawData } from './raw'
import { openRaw } from './read'
import { type Feed, forLanguage, resolve } from './resolve'
import { parseSource, type Source, sampleDescription } from './source'
import { makeSplits, type Splits } from './split'
import type { TextReader } from './text/reader'
import { numbersOf } from './values'

/**
 * Opens a dataset for a model. What the specification leaves open is chosen (and stands in `summary.spec`): labels by
 * the usual names, inputs by equal names or order, preprocessing by the shape of the inputs, with a note where that is
 * a guess. Without model inputs, every field is fed under its own name and type.
 * Throws `bad-data` when the data does not fit the model, `bad-option` for options that make no sense, `bad-file`,
 * `not-found` or `unsupported` for files that cannot be read.
 */
export async function openDataset(spec: DatasetSpec, modelInputs: TensorInfo[]): Promise<Dataset> {
  const source = parseSource(spec.source)
  const full = withSample(forLanguage(DatasetSpec.parse(spec), modelInputs), source)
  const raw = await openRaw(source.path, full.labels)
  try {
    const range = sampleRange(source, raw.count)
    const resolved = resolve(raw, full, modelInputs)
    const { labels, feeds } = resolved
    const more = (splits: Splits) => [...sampleNotes(source, full), ...emptySplitNotes(splits, full)]
    if (resolved.text?.preprocessing.samples === 'windows')
      return await openWindows({ raw, resolved, source, range, split: full.split, notes: more })
    const classes = labels.task === 'classification' ? labels.values : undefined
    const splits = withinRange(makeSplits(raw.count, full.split, classes), range)
    const part = { ...labels, values: labels.values.slice(range.from, range.to) }
    const summary: DatasetSummary = {
      spec: resolved.spec,
      hash: await dataHash(raw.files, source.range, resolved.spec),
      format: raw.format,
      count: range.to - range.from,
      inputs: feeds.map(f => ({
        name: f.binding.input.name,
        type: f.binding.input.type,
        shape: f.open ? ['length'] : f.shape,
      })),
      task: labels.task,
      classes: labels.classes,
      classCounts: countClasses(part),
      splits: {
        train: splits.train.length,
        calibration: splits.calibration.length,
        test: splits.test.length,
      },
      notes: [...resolved.notes, ...more(splits)],
    }
    return new RawDataset(summary, raw, feeds, part, splits, range.from, resolved.text?.reader)
  } catch (error) {
    raw.close()
    throw error
  }
}

/** A shipped sample brings its own labels, task and preprocessing; what the specification says goes before them. */
export function withSample(spec: DatasetSpec, source: Source): DatasetSpec {
  if (!source.sample) return spec
  const { labels, task, preprocessing, inputs } = sampleDescription(source.sample).spec
  const isOwn = preprocessing?.kind !== 'text' || spec.preprocessing === undefined
  return {
    ...spec,
    inputs: Object.keys(spec.inputs).length === 0 && isOwn ? inputs : spec.inputs,
    labels: spec.labels === undefined ? labels : spec.labels,
    task: spec.task ?? (spec.labels === null ? 'none' : task),
    preprocessing: spec.preprocessing ?? preprocessing,
  }
}

/** The sample's teacher was trained on the train split of the default seed; another split would test it on those. */
function sampleNotes(source: Source, spec: DatasetSpec): Note[] {
  if (!source.sample) return []
  const { split } = sampleDescription(source.sample).spec
  if (spec.split.seed === split.seed && spec.split.test <= split.test) return []
  return [
    {
      code: 'teacher-saw-test',
      severity: 'warning',
      message: 'This split tests on samples that the sample’s teacher was trained on.',
      action: `Use seed ${split.seed} and a test share of at most ${split.test}.`,
    },
  ]
}

/** A split that was asked for and holds nothing would only show when a job needs it. */
function emptySplitNotes(splits: Splits, spec: DatasetSpec): Note[] {
  const empty = (['train', 'calibration', 'test'] as const).filter(
    name => spec.split[name] > 0 && splits[name].length === 0,
  )
  if (empty.length === 0) return []
  return [
    {
      code: 'empty-split',
      severity: 'warning',
      message: `There are too few samples for the ${empty.join(' and ')} split${empty.length > 1 ? 's' : ''}.`,
      action: 'Add samples or change the fractions.',
    },
  ]
}

/** The samples a source's range covers. Throws `bad-data` for no samples at all or a range outside the data. */
export function sampleRange(source: Source, count: number): { from: number; to: number } {
  if (count === 0) {
    throw new BantamError('bad-data', 'The data holds no samples.', {
      where: source.path,
      action: 'Choose data with at least one sample.',
    })
  }
  const { from = 0, to = count } = source.range ?? {}
  if (from < count) return { from, to: Math.min(to, count) }
  throw new BantamError('bad-data', `The range begins at sample ${from}, but there are only ${count}.`, {
    where: source.path,
    action: `Choose a range within 0:${count}.`,
  })
}

/** Splits are made of the whole data, so that a sample is in the same split whatever range is looked at. */
function withinRange(splits: Splits, range: { from: number; to: number }): Splits {
  const part = (rows: Uint32Array) =>
    rows.filter(row => row >= range.from && row < range.to).map(row => row - range.from)
  return { train: part(splits.train), calibration: part(splits.calibration), test: part(splits.test) }
}

function countClasses(labels: Labels): number[] {
  const counts = labels.classes.map(() => 0)
  if (labels.task === 'classification') for (const c of labels.values) counts[c] = (counts[c] ?? 0) + 1
  return counts
}

class RawDataset implements Dataset {
  private closed = false

  constructor(
    readonly summary: DatasetSummary,
    private readonly raw: RawData,
    private readonly feeds: readonly Feed[],
    private readonly labelled: Labels,
    private readonly splits: Splits,
    private readonly offset: number,
    private readonly text: TextReader | undefined,
  ) {}

  async batch(indices: ArrayLike<number>): Promise<Batch> {
    const rows = this.rows(indices)
    const feeds: Record<string, Tensor> = {}
    for (const feed of this.feeds) {
      feeds[feed.binding.input.name] = await readFeed(this.raw, feed, rows, this.offset)
    }
    const labels = this.labels(indices)
    return labels ? { feeds, labels } : { feeds }
  }

  labels(indices: ArrayLike<number>): Float64Array | undefined {
    if (this.labelled.task === 'none') return undefined
    return Float64Array.from(indices, index => this.labelled.values[index] ?? Number.NaN)
  }

  private rows(indices: ArrayLike<number>): Uint32Array {
    const { count } = this.summary
    return Uint32Array.from(indices, index => {
      if (Number.isInteger(index) && index >= 0 && index < count) return index + this.offset
      throw new BantamError('bad-option', `There is no sample ${index}; there are ${count}.`, {
        where: this.summary.spec.source,
      })
    })
  }

  async preview(index: number): Promise<SamplePreview> {
    const { feeds } = await this.batch([index])
    const picture = await this.picture(index)
    const seen = await seenPicture(Object.values(feeds), picture !== null)
    return {
      index,
      label: this.labelText(index),
      image: picture && dataUrl(picture),
      seen: seen && dataUrl(seen),
      ...(this.text ? { text: this.textPreview(this.text, index) } : {}),
      tensors: Object.entries(feeds).map(([name, tensor]) => describeTensor(name, tensor)),
    }
  }

  private textPreview(reader: TextReader, index: number): TextPreview {
    const rows = Uint32Array.from({ length: this.summary.count }, (_, i) => i + this.offset)
    return reader.preview(index + this.offset, rows, this.offset)
  }

  texts(index: number): string[] | null {
    const [row = 0] = this.rows([index])
    return this.text?.texts(row) ?? null
  }

  tokens(index: number): { print: Uint8Array; length: number; fed: number } | null {
    const [row = 0] = this.rows([index])
    if (!this.text) return null
    const { ids, length } = this.text.encode(row, this.offset)
    return { print: this.text.print(row, this.offset), length, fed: ids.length }
  }

  private labelText(index: number): string | null {
    const value = this.labelled.values[index]
    if (value === undefined) return null
    return this.labelled.task === 'classification'
      ? (this.labelled.classes[value] ?? String(value))
      : String(value)
  }

  async picture(index: number): Promise<Uint8Array | null> {
    const [row = 0] = this.rows([index])
    if (this.raw.kind === 'pictures') return this.raw.pictures.png(row)
    if (this.text) return null
    for (const { binding, shape } of this.feeds) {
      const array = binding.kind === 'array' && !binding.field.constant ? binding.field : undefined
      const layout = pictureLayout(array?.shape ?? shape) ?? pictureLayout(shape)
      if (!layout) continue
      if (array) {
        if (array.length !== layout.width * layout.height * layout.channels) continue
        return encodePng(toPixels(toLevels(array.read([row]), array.type), layout))
      }
      if (binding.kind === 'columns' && this.raw.kind === 'table') {
        return encodePng(toPixels(toLevels(this.raw.table.read(binding.columns, [row]), 'float64'), layout))
      }
    }
    return null
  }

  indices(split: SplitName): Uint32Array {
    if (split !== 'all') return this.splits[split].slice()
    return Uint32Array.from({ length: this.summary.count }, (_, i) => i)
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    this.raw.close()
  }
}

function dataUrl(png: Uint8Array): string {
  return `data:image/png;base64,${Buffer.from(png).toString('base64')}`
}

/**
 * PNG of the first tensor that is a picture, [1, 1|3, H, W] or [1, H, W, 1|3], from its smallest value to its largest.
 * Channels stand as the model gets them: what is fed as BGR shows as such. Two axes count only for samples that are
 * pictures: a matrix of tokens is none.
 */
async function seenPicture(tensors: readonly Tensor[], isPicture: boolean): Promise<Uint8Array | null> {
  for (const { data, type, dims } of tensors) {
    const shape = dims.slice(1)
    if (data.length === 0) continue
    const layout = shape.length === 3 || isPicture ? pictureLayout(shape) : undefined
    if (!layout) continue
    const values = numbersOf(data, type)
    const { min, max } = extremes(values)
    return encodePng(toPixels(stretchLevels(values, min, max), layout))
  }
  return null
}
