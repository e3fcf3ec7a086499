/** A dataset whose samples are windows of texts, as a language model reads them. */
import type { DatasetSummary, SamplePreview, SplitName, TensorInfo, TextPreview } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { Batch, Dataset } from '../data/dataset'
import { describeTensor } from '../data/describe'
import type { RawData } from '../data/raw'
import type { Splits } from '../data/split'
import type { TextSetup } from '../data/text/setup'
import { wholeTensor, zeros } from './feeds'
import { type CacheShape, cacheShape } from './recognise'
import type { TokenWindows } from './windows'

const SHOWN_TOKENS = 256

interface Parts {
  summary: DatasetSummary
  raw: RawData
  text: TextSetup
  windows: TokenWindows
  /** Inputs that take keys and values of the past. */
  caches: readonly { input: TensorInfo; cache: CacheShape }[]
  /** Windows of each split. */
  splits: Splits
  /** Row of the first text of the range. */
  offset: number
}

/** Padding follows the tokens, whatever the tokenizer says: a model that looks back only never sees it. */
export class WindowedDataset implements Dataset {
  readonly summary: DatasetSummary
  private closed = false

  constructor(private readonly parts: Parts) {
    this.summary = parts.summary
  }

  async batch(indices: ArrayLike<number>): Promise<Batch> {
    const windows = Array.from(indices, i => this.parts.windows.tokens(this.known(i)))
    const { text, caches } = this.parts
    const length = this.length(windows)
    const dims = [windows.length, length]
    const feeds: Batch['feeds'] = {}
    for (const input of text.inputs) {
      const values = new Float64Array(windows.length * length)
      const role = text.roles.get(input.name)
      if (role === 'ids') values.fill(text.padId)
      for (const [i, ids] of windows.entries()) {
        if (role === 'ids') values.set(ids, i * length)
        else if (role === 'mask') values.fill(1, i * length, i * length + ids.length)
        else if (role === 'positions') for (let t = 0; t < length; t++) values[i * length + t] = t
      }
      feeds[input.name] = wholeTensor(values, dims, input.type)
    }
    for (const { input, cache } of caches) {
      feeds[input.name] = zeros(cache.type, cacheShape(cache, windows.length, 0))
    }
    return { feeds }
  }

  private length(windows: readonly Int32Array[]): number {
    const { maxLength = 0, padding, multiple } = this.parts.text.preprocessing
    if (padding === 'max') return maxLength
    const longest = windows.reduce((most, ids) => Math.max(most, ids.length), 1)
    return Math.min(maxLength, Math.ceil(longest / multiple) * multiple)
  }

  private known(index: number): number {
    const { count } = this.summary
    if (Number.isInteger(index) && index >= 0 && index < count) return index
    throw new BantamError('bad-option', `There is no sample ${index}; there are ${count}.`, {
      where: this.summary.spec.source,
    })
  }

  labels(): undefined {
    return undefined
  }

  async picture(): Promise<null> {
    return null
  }

  /** Number of the text a window is part of, counted from the beginning of the range. */
  document(index: number): number {
    return (this.parts.windows.texts[this.known(index)] ?? 0) - this.parts.offset
  }

  texts(index: number): string[] {
    return [this.parts.text.decode(this.parts.windows.tokens(this.known(index)))]
  }

  tokens(index: number): { print: Uint8Array; length: number; fed: number } {
    const ids = this.parts.windows.tokens(this.known(index))
    return { print: new Uint8Array(ids.buffer), length: ids.length, fed: ids.length }
  }

  async preview(index: number): Promise<SamplePreview> {
    const { feeds } = await this.batch([index])
    return {
      index,
      label: null,
      image: null,
      seen: null,
      text: this.textPreview(index),
      tensors: Object.entries(feeds).map(([name, tensor]) => describeTensor(name, tensor)),
    }
  }

  private textPreview(index: number): TextPreview {
    const { windows, text } = this.parts
    const ids = windows.tokens(index)
    const { maxLength = ids.length } = text.preprocessing
    const bins = new Array<number>(24).fill(0)
    for (const length of windows.lengths) {
      const bin = Math.min(bins.length - 1, Math.floor((length / (maxLength + 1)) * bins.length))
      bins[bin] = (bins[bin] ?? 0) + 1
    }
    return {
      texts: this.texts(index),
      tokens: Array.from(ids.subarray(0, SHOWN_TOKENS), id => ({ text: text.token(id), id })),
      length: ids.length,
      fed: ids.length,
      lengths: { samples: windows.count, cut: 0, bins, longest: maxLength, maxLength },
    }
  }

  indices(split: SplitName): Uint32Array {
    if (split !== 'all') return this.parts.splits[split].slice()
    return Uint32Array.from({ length: this.summary.count }, (_, i) => i)
  }

  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    this.parts.windows.close()
    this.parts.raw.close()
  }
}
