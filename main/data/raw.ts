/** What a reader makes of a file or folder, before it is fitted to a model. */
import type { DatasetSummary, Note } from '../../shared/domain'
import type { ElementType } from '../runtime/tensor'
import type { ArrayField } from './field'
import type { Pixels } from './pixels'

export interface Pictures {
  /** Path of a picture relative to the folder, for messages. */
  name(row: number): string
  /** Decoded pixels. Throws `bad-data` naming the file. */
  pixels(row: number): Promise<Pixels>
  /** PNG of the picture as it stands in the file, upright, at most 1024 pixels wide and high. */
  png(row: number): Promise<Uint8Array>
}

export interface Column {
  name: string
  /** float64, int64 (all values whole), bool, or string. */
  type: ElementType
  /** Shape of one cell: [] for a number or text, else that of the list it holds. */
  shape: number[]
  /** First value of the column in a packed row, and how many there are. */
  slot: number
  width: number
  /** Texts of a text column; a value is an index into it. Null for text with too many different values. */
  texts: string[] | null
  /** Why the column cannot be used, if it cannot. */
  fault?: string
  /** Of a text column: where in a packed row the place of the text stands. */
  text?: { slot: number }
  /** Why a text column cannot be read as samples of text, if it cannot: some cell holds something else. */
  textFault?: string
}

export interface Table {
  columns: Column[]
  /** Values of the columns for the rows: for each row, each column's values in turn. Missing values are NaN. */
  read(columns: readonly Column[], rows: ArrayLike<number>): Float64Array
  /** The text of one cell of a text column; null where there is none. */
  text(column: Column, row: number): string | null
}

interface RawBase {
  format: DatasetSummary['format']
  /** Samples in the whole file or folder. */
  count: number
  notes: Note[]
  /** Files whose bytes are the data, with names that do not depend on where the data lies. */
  files: { name: string; path: string }[]
  close(): void
}

export interface RawArrays extends RawBase {
  kind: 'arrays'
  fields: ArrayField[]
  /** Field that holds the labels by the format's own convention (IDX). */
  labelField?: string
}

export interface RawTable extends RawBase {
  kind: 'table'
  table: Table
}

export interface RawPictures extends RawBase {
  kind: 'pictures'
  pictures: Pictures
  /** Class folders in order, and each picture's class; absent for a flat folder. */
  labels?: { classes: string[]; values: Float64Array }
}

export type RawData = RawArrays | RawTable | RawPictures
