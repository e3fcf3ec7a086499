/** Reading rows of text as what a tokenizer makes of them. */
import type { TextPreprocessing, TextPreview, TextRole } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import type { ElementType, Tensor } from '../../runtime/tensor'
import type { Column, Table } from '../raw'
import { toType } from '../values'
import type { Encoded, TextTokenizer } from './tokenizer'

/** Token numbers kept of rows read before: epochs of a training read the same ones again. 16 MB. */
const KEPT_TOKENS = 4 * 2 ** 20
/** Shown of a long text, and tokens shown. */
const SHOWN_CHARACTERS = 2000
const SHOWN_TOKENS = 256
/** Samples by which lengths are judged, and bins of their histogram. */
const JUDGED = 256
const BINS = 24

export class TextReader {
  private readonly known = new Map<number, Encoded>()
  private knownTokens = 0
  /** The last batch: its inputs are asked for one after the other. */
  private last: { rows: ArrayLike<number>; encoded: Encoded[] } | undefined
  private judged: TextPreview['lengths'] | undefined

  /** @param limit token numbers must be below this, when the model tells */
  constructor(
    private readonly table: Table,
    private readonly columns: readonly Column[],
    private readonly tokenizer: TextTokenizer,
    private readonly options: TextPreprocessing & { maxLength: number },
    private readonly limit: number | undefined,
  ) {}

  /**
   * What the input with this role is fed for the rows: [rows, length] of `type`. `offset` is the row of sample 0.
   * Throws `bad-data` naming the sample: no text, no tokens, a token the model does not have, a text that is too long.
   */
  tensor(role: TextRole, rows: ArrayLike<number>, type: ElementType, offset: number): Tensor {
    const encoded = this.batch(rows, offset)
    const length = this.lengthOf(encoded)
    const values = new Float64Array(encoded.length * length)
    if (role === 'ids') values.fill(this.tokenizer.padId)
    for (const [i, { ids, types }] of encoded.entries()) {
      const start = this.tokenizer.padsLeft ? length - ids.length : 0
      const part = values.subarray(i * length + start, i * length + start + ids.length)
      if (role === 'ids') part.set(ids)
      else if (role === 'mask') part.fill(1)
      else if (role === 'types') part.set(types)
      else this.putPositions(values.subarray(i * length, (i + 1) * length), start)
    }
    const describe = (at: number) => `Sample ${(rows[Math.floor(at / length)] ?? 0) - offset}: a token`
    return { type, dims: [encoded.length, length], data: toType(values, type, describe) }
  }

  /** 0, 1, 2, … from the first token on; padding before it has 0. */
  private putPositions(places: Float64Array, start: number): void {
    for (let i = start; i < places.length; i++) places[i] = i - start
  }

  private lengthOf(encoded: readonly Encoded[]): number {
    const { padding, multiple, maxLength } = this.options
    if (padding === 'max') return maxLength
    const longest = encoded.reduce((most, { ids }) => Math.max(most, ids.length), 1)
    return Math.min(maxLength, Math.ceil(longest / multiple) * multiple)
  }

  private batch(rows: ArrayLike<number>, offset: number): Encoded[] {
    if (this.last?.rows === rows) return this.last.encoded
    const encoded = Array.from(rows, row => this.encode(row, offset))
    this.last = { rows, encoded }
    return encoded
  }

  /** Tokens of a row. Throws `bad-data`. */
  encode(row: number, offset: number): Encoded {
    const known = this.known.get(row)
    if (known) return known
    const what = `Sample ${row - offset}`
    const encoded = this.tokenizer.encode(this.present(row, what), this.options.maxLength, what)
    this.refuse(encoded, what)
    if (this.knownTokens + encoded.ids.length <= KEPT_TOKENS) {
      this.known.set(row, encoded)
      this.knownTokens += encoded.ids.length
    }
    return encoded
  }

  /** All tokens of a row, none for one without text. Throws `bad-data` as `encode`. */
  whole(row: number, offset: number): Int32Array {
    const texts = this.columns.map(column => this.table.text(column, row) ?? '')
    if (texts.every(text => text.trim() === '')) return new Int32Array()
    const what = `Sample ${row - offset}`
    const encoded = this.tokenizer.encode(texts, Number.MAX_SAFE_INTEGER, what)
    this.refuseUnknown(encoded.ids, what)
    return encoded.ids
  }

  private present(row: number, what: string): string[] {
    return this.columns.map(column => {
      const text = this.table.text(column, row)
      if (text !== null) return text
      throw new BantamError('bad-data', `${what} has no text in ${column.name}.`, {
        action: 'Fill in or take out such samples.',
      })
    })
  }

  private refuse({ ids, length }: Encoded, what: string): void {
    const { maxLength, truncation } = this.options
    if (length > maxLength && !truncation) {
      throw new BantamError('bad-data', `${what} has ${length} tokens, more than ${maxLength}.`, {
        action: 'Choose a larger length, or let long texts be cut.',
      })
    }
    if (ids.length === 0) {
      throw new BantamError('bad-data', `${what} has no tokens: its text is empty.`, {
        action: 'Fill in or take out such samples.',
      })
    }
    this.refuseUnknown(ids, what)
  }

  private refuseUnknown(ids: Int32Array, what: string): void {
    const { limit } = this
    const beyond = limit === undefined ? undefined : ids.find(id => id >= limit)
    if (beyond === undefined) return
    const token = JSON.stringify(this.tokenizer.token(beyond))
    throw new BantamError(
      'bad-data',
      `${what}: token ${token} has the number ${beyond}, but the model knows numbers below ${limit} only.`,
      { action: 'Take the tokenizer.json that came with the model.' },
    )
  }

  /** Texts of a row for a person to read: the beginning of long ones; nothing where there is none. */
  texts(row: number, characters = SHOWN_CHARACTERS): string[] {
    return this.columns.map(column => beginning(this.table.text(column, row) ?? '', characters))
  }

  /** A row as the import form shows it; `rows` are those whose lengths are judged. */
  preview(row: number, rows: ArrayLike<number>, offset: number): TextPreview {
    const { ids, length } = this.encode(row, offset)
    return {
      texts: this.texts(row),
      tokens: Array.from(ids.subarray(0, SHOWN_TOKENS), id => ({ text: this.tokenizer.token(id), id })),
      length,
      fed: ids.length,
      lengths: this.lengths(rows, offset),
    }
  }

  private lengths(rows: ArrayLike<number>, offset: number): TextPreview['lengths'] {
    if (this.judged) return this.judged
    const step = Math.max(1, rows.length / JUDGED)
    const lengths: number[] = []
    for (let i = 0; i < rows.length; i += step) {
      try {
        lengths.push(this.encode(rows[Math.floor(i)] ?? 0, offset).length)
      } catch (error) {
        // A sample that cannot be used is named when it is looked at, and by the import.
        if (!(error instanceof BantamError)) throw error
      }
    }
    const { maxLength } = this.options
    const longest = lengths.reduce((most, length) => Math.max(most, length), 1)
    const bins = new Array<number>(BINS).fill(0)
    for (const length of lengths) {
      const bin = Math.min(BINS - 1, Math.floor((length / (longest + 1)) * BINS))
      bins[bin] = (bins[bin] ?? 0) + 1
    }
    const cut = lengths.filter(length => length > maxLength).length
    this.judged = { samples: lengths.length, cut, bins, longest, maxLength }
    return this.judged
  }

  /** Bytes that are equal for equal texts, whatever the batch they were padded in. */
  print(row: number, offset: number): Uint8Array {
    const { ids, types } = this.encode(row, offset)
    return Buffer.concat([new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength), types])
  }
}

/** The first characters of a text, never half of a surrogate pair. */
function beginning(text: string, characters: number): string {
  if (text.length <= characters) return text
  const end = /[\ud800-\udbff]/.test(text[characters - 1] ?? '') ? characters - 1 : characters
  return `${text.slice(0, end)}…`
}
