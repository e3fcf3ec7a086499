/**
 * Identity of a dataset: SHA-256 over the bytes of its files (in order of their names), the range, and how it is read; a
 * tokenizer counts by its digest.
 * Where the data lies does not matter. Reading hundreds of gigabytes to name them would take longer than using them, so
 * above a limit a file is known by its size and by 64 stretches of it: a change elsewhere in a huge file of equal size
 * goes unnoticed.
 */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import type { DatasetSpec } from '../../shared/domain'
import type { Source } from './source'

/** Files up to this are read whole. */
const WHOLE_LIMIT = 2 ** 30
/** Folders of more than this are read by stretches. */
const FOLDER_LIMIT = 2 ** 30
const STRETCH = 2 ** 16
const STRETCHES = 64

/** Hex digest. `files` come in a fixed order. */
export async function dataHash(
  files: readonly { name: string; path: string }[],
  range: Source['range'],
  spec: DatasetSpec,
): Promise<string> {
  const hash = createHash('sha256')
  let budget = FOLDER_LIMIT
  for (const [i, { name, path }] of files.entries()) {
    const descriptor = openSync(path, 'r')
    try {
      const { size } = fstatSync(descriptor)
      hash.update(`${name}\0${size}\0`)
      const whole = size <= (files.length === 1 ? WHOLE_LIMIT : budget)
      if (whole) hashRange(hash, descriptor, 0, size)
      else if (files.length === 1) hashStretches(hash, descriptor, size)
      else hashRange(hash, descriptor, 0, Math.min(size, 4096))
      budget -= whole ? size : 0
    } finally {
      closeSync(descriptor)
    }
    if (i % 64 === 63) await new Promise<void>(resolve => setImmediate(resolve))
  }
  const { source: _, ...how } = withoutPlaces(spec)
  return hash.update(canonical({ range: range ?? null, how })).digest('hex')
}

/** Where a tokenizer lies does not matter either. */
function withoutPlaces(spec: DatasetSpec): DatasetSpec {
  const { preprocessing } = spec
  return preprocessing?.kind === 'text'
    ? { ...spec, preprocessing: { ...preprocessing, tokenizer: '' } }
    : spec
}

function hashRange(hash: Hash, descriptor: number, from: number, to: number): void {
  const buffer = new Uint8Array(Math.min(2 ** 20, Math.max(1, to - from)))
  for (let at = from; at < to; ) {
    const got = readSync(descriptor, buffer, 0, Math.min(buffer.length, to - at), at)
    if (got === 0) return
    hash.update(buffer.subarray(0, got))
    at += got
  }
}

function hashStretches(hash: Hash, descriptor: number, size: number): void {
  for (let i = 0; i < STRETCHES; i++) {
    const from = Math.floor(((size - STRETCH) * i) / (STRETCHES - 1))
    hashRange(hash, descriptor, from, from + STRETCH)
  }
}

/** JSON with keys in order, so that equal values give equal text. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  const parts = Object.entries(value)
    .filter(([, v]) => v !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, v]) => `${JSON.stringify(key)}:${canonical(v)}`)
  return `{${parts.join(',')}}`
}
