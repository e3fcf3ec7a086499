/**
 * Rows of a table packed into bytes: one stretch of float64 values per row, whatever the file's format, so that any
 * sample is one read away and memory does not grow with the table. A text is kept twice: as an index into a dictionary
 * (labels), and as its place among the bytes of all texts (samples).
 *
 * A column's type is decided by the first rows (a number, a text, a truth value, or a list of numbers of fixed shape).
 * Cells that are empty, null, NA or NaN are missing, and read as NaN. A column that breaks its type later is not
 * usable; that is an error only when it is chosen.
 */
import { BantamError } from '../../shared/errors'
import type { ElementType } from '../runtime/tensor'
import { ByteCollector, type ByteStore } from './bytes'
import type { Column, Table } from './raw'

/** Rows by which column types are decided. */
const HEAD_ROWS = 1000
/** A text column with more different texts than this, or longer ones together, is free text. */
const TEXT_LIMIT = 20_000
const DICTIONARY_LIMIT = 4 * 2 ** 20
/** Cells of a text column: index into the dictionary, first byte of the text, bytes. */
const TEXT_CELLS = 3
const TEXT_BLOCK = 65_536
const PACK_ROWS = 1024

const MISSING = new Set(['', 'na', 'n/a', 'nan', 'null', 'none'])

interface Builder {
  name: string
  kind: 'number' | 'text' | 'list'
  shape: number[]
  slot: number
  width: number
  whole: boolean
  truth: boolean
  texts: Map<string, number>
  /** Characters in `texts`. */
  held: number
  freeText: boolean
  fault?: string
  /** Why the column cannot be read as samples of text. */
  textFault?: string
}

/** Packs rows as they come. `add` then `finish`; the table owns the bytes. */
export class TablePacker {
  private readonly head: unknown[][] = []
  private builders: Builder[] | undefined
  private stride = 0
  private readonly collector = new ByteCollector()
  private block = new Float64Array(0)
  private blockRows = 0
  private packed = 0
  private readonly texts = new TextPacker()
  count = 0

  constructor(
    private readonly names: readonly string[],
    private readonly where: string,
  ) {}

  /** One value per column, in the order of the names: number, bigint, boolean, string, null, or nested lists of numbers. */
  add(row: unknown[]): void {
    this.count++
    if (this.builders) {
      this.pack(row, this.builders)
      return
    }
    this.head.push(row)
    if (this.head.length === HEAD_ROWS) this.begin()
  }

  private begin(): void {
    let slot = 0
    this.builders = this.names.map((name, i) => {
      const builder = newBuilder(
        name,
        this.head.map(row => row[i]),
        slot,
      )
      slot += builder.kind === 'text' ? TEXT_CELLS : builder.width
      return builder
    })
    this.stride = slot
    this.block = new Float64Array(PACK_ROWS * slot)
    for (const row of this.head.splice(0)) this.pack(row, this.builders)
  }

  private pack(row: unknown[], builders: readonly Builder[]): void {
    const start = this.blockRows * this.stride
    for (const [i, builder] of builders.entries()) {
      const cells = this.block.subarray(start + builder.slot, start + builder.slot + builder.width)
      if (builder.kind === 'text') this.packText(builder, row[i], start + builder.slot + 1)
      if (!putCell(builder, row[i], cells)) {
        builder.fault ??= `row ${this.packed + 1} holds ${shown(row[i])}`
        cells.fill(Number.NaN)
      }
    }
    this.blockRows++
    this.packed++
    if (this.blockRows === PACK_ROWS) this.flush()
  }

  /** Puts place and length of a text; NaN where there is none. */
  private packText(builder: Builder, value: unknown, at: number): void {
    if (typeof value === 'string') {
      const { offset, bytes } = this.texts.add(value)
      this.block[at] = offset
      this.block[at + 1] = bytes
      return
    }
    this.block.fill(Number.NaN, at, at + 2)
    if (value === null || value === undefined) return
    builder.textFault ??= `row ${this.packed + 1} holds ${shown(value)}`
  }

  private flush(): void {
    const values = this.block.slice(0, this.blockRows * this.stride)
    this.collector.append(new Uint8Array(values.buffer))
    this.blockRows = 0
  }

  finish(): { table: Table; close: () => void } {
    if (!this.builders) this.begin()
    this.flush()
    const columns = (this.builders ?? []).map(column)
    const store = this.collector.finish()
    const texts = this.texts.finish()
    return {
      table: new PackedTable(columns, this.stride, store, texts, this.where),
      close: () => {
        store.close()
        texts.close()
      },
    }
  }

  discard(): void {
    this.collector.discard()
    this.texts.discard()
  }
}

/** The bytes (UTF-8) of all texts, one after the other. */
class TextPacker {
  private readonly collector = new ByteCollector()
  private waiting: Uint8Array[] = []
  private waitingBytes = 0
  private offset = 0

  add(text: string): { offset: number; bytes: number } {
    const encoded = Buffer.from(text, 'utf8')
    const place = { offset: this.offset, bytes: encoded.length }
    this.offset += encoded.length
    this.waiting.push(encoded)
    this.waitingBytes += encoded.length
    if (this.waitingBytes > TEXT_BLOCK) this.flush()
    return place
  }

  private flush(): void {
    this.collector.append(Buffer.concat(this.waiting))
    this.waiting = []
    this.waitingBytes = 0
  }

  finish(): ByteStore {
    this.flush()
    return this.collector.finish()
  }

  discard(): void {
    this.collector.discard()
  }
}

function newBuilder(name: string, values: readonly unknown[], slot: number): Builder {
  const known = values.filter(v => !isMissing(v))
  const list = known.find(v => Array.isArray(v) || ArrayBuffer.isView(v))
  const shape = list ? listShape(list) : []
  const text = !list && known.some(v => typeof v === 'string' && !isNumeric(v))
  const truth = known.length > 0 && known.every(v => typeof v === 'boolean' || v === 'true' || v === 'false')
  return {
    name,
    kind: list ? 'list' : text && !truth ? 'text' : 'number',
    shape,
    slot,
    width: shape.reduce((product, d) => product * d, 1),
    whole: true,
    truth,
    texts: new Map(),
    held: 0,
    freeText: false,
    ...(list && shape.some(d => d === 0) ? { fault: 'it holds empty or ragged lists' } : {}),
  }
}

function column(builder: Builder): Column {
  const type: ElementType =
    builder.kind === 'text' ? 'string' : builder.truth ? 'bool' : builder.whole ? 'int64' : 'float64'
  return {
    name: builder.name,
    type,
    shape: builder.shape,
    slot: builder.slot,
    width: builder.width,
    texts: builder.kind === 'text' && !builder.freeText ? [...builder.texts.keys()] : null,
    ...(builder.kind === 'text' ? { text: { slot: builder.slot + 1 } } : {}),
    ...(builder.textFault ? { textFault: builder.textFault } : {}),
    ...(builder.fault ? { fault: builder.fault } : {}),
  }
}

function isMissing(value: unknown): boolean {
  if (value === null || value === undefined) return true
  return typeof value === 'string' && MISSING.has(value.trim().toLowerCase())
}

function isNumeric(text: string): boolean {
  return /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$/.test(text) || /^\s*[+-]?inf(inity)?\s*$/i.test(text)
}

/** A cell's number; undefined when it is none. */
function toNumber(value: unknown): number | undefined {
  switch (typeof value) {
    case 'number':
      return value
    case 'bigint':
      return value >= -(2n ** 53n) && value <= 2n ** 53n ? Number(value) : undefined
    case 'boolean':
      return value ? 1 : 0
    case 'string':
      if (value === 'true' || value === 'false') return value === 'true' ? 1 : 0
      if (!isNumeric(value)) return undefined
      return /inf/i.test(value)
        ? value.trim().startsWith('-')
          ? Number.NEGATIVE_INFINITY
          : Number.POSITIVE_INFINITY
        : Number(value)
    default:
      return undefined
  }
}

/** Writes one cell; false when it does not fit the column. */
function putCell(builder: Builder, value: unknown, cells: Float64Array): boolean {
  if (isMissing(value)) {
    cells.fill(Number.NaN)
    return true
  }
  if (builder.kind === 'text') {
    cells[0] = textIndex(builder, String(value))
    return true
  }
  if (builder.kind === 'list') return builder.fault === undefined && putList(builder, value, cells)
  const number = toNumber(value)
  if (number === undefined) return false
  builder.whole &&= Number.isInteger(number)
  cells[0] = number
  return true
}

function textIndex(builder: Builder, text: string): number {
  const known = builder.texts.get(text)
  if (known !== undefined) return known
  builder.held += text.length
  if (builder.freeText || builder.texts.size >= TEXT_LIMIT || builder.held > DICTIONARY_LIMIT) {
    builder.freeText = true
    builder.texts.clear()
    return Number.NaN
  }
  builder.texts.set(text, builder.texts.size)
  return builder.texts.size - 1
}

function putList(builder: Builder, value: unknown, cells: Float64Array): boolean {
  let at = 0
  const walk = (part: unknown, axis: number): boolean => {
    if (axis === builder.shape.length) {
      const number = part === null ? Number.NaN : toNumber(part)
      if (number === undefined) return false
      builder.whole &&= Number.isInteger(number)
      cells[at++] = number
      return true
    }
    const items = listItems(part)
    return items?.length === builder.shape[axis] && items?.every(item => walk(item, axis + 1)) === true
  }
  return walk(value, 0)
}

function listItems(value: unknown): unknown[] | undefined {
  if (Array.isArray(value)) return value
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return Array.from(value as Uint8Array)
  return undefined
}

function listShape(value: unknown): number[] {
  const items = listItems(value)
  return items ? [items.length, ...listShape(items[0])] : []
}

/** A cell as an error message quotes it. */
function shown(value: unknown): string {
  if (typeof value === 'string') return `"${value.length > 40 ? `${value.slice(0, 40)}…` : value}"`
  if (Array.isArray(value)) return `a list of ${value.length}`
  return String(value)
}

class PackedTable implements Table {
  constructor(
    readonly columns: Column[],
    private readonly stride: number,
    private readonly store: ByteStore,
    private readonly texts: ByteStore,
    private readonly where: string,
  ) {}

  text(column: Column, row: number): string | null {
    if (!column.text) throw new TypeError(`Column ${column.name} holds no text`)
    const place = new Float64Array(2)
    this.store.readInto(new Uint8Array(place.buffer), (row * this.stride + column.text.slot) * 8)
    const [offset = Number.NaN, length = 0] = place
    if (Number.isNaN(offset)) return null
    const bytes = new Uint8Array(length)
    this.texts.readInto(bytes, offset)
    return Buffer.from(bytes.buffer).toString('utf8')
  }

  read(columns: readonly Column[], rows: ArrayLike<number>): Float64Array {
    for (const column of columns) refuseFault(column, this.where)
    const width = columns.reduce((sum, c) => sum + c.width, 0)
    const out = new Float64Array(rows.length * width)
    const block = new Float64Array(this.stride * Math.min(PACK_ROWS, Math.max(1, rows.length)))
    for (let i = 0; i < rows.length; ) {
      const first = rows[i] ?? 0
      let run = 1
      while (run < PACK_ROWS && i + run < rows.length && rows[i + run] === first + run) run++
      this.store.readInto(new Uint8Array(block.buffer, 0, run * this.stride * 8), first * this.stride * 8)
      for (let k = 0; k < run; k++) {
        let at = (i + k) * width
        for (const { slot, width: cells } of columns) {
          const from = k * this.stride + slot
          out.set(block.subarray(from, from + cells), at)
          at += cells
        }
      }
      i += run
    }
    return out
  }
}

/** Throws `bad-data` when a column cannot be used. */
export function refuseFault(column: Column, where: string): void {
  if (!column.fault) return
  const kind = column.shape.length > 0 ? 'lists of numbers of one shape' : 'numbers'
  throw new BantamError('bad-data', `Column ${column.name} should hold ${kind}, but ${column.fault}.`, {
    where,
    action: 'Correct the file or choose other columns.',
  })
}
