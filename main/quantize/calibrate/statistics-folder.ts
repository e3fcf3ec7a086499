/**
 * Statistics in a folder, one file for each key: what was used last stays, up to a number of bytes.
 *
 * A file is deflated: the length of a header (uint32, little-endian), the header as JSON, and the counts of all
 * histograms in the header's order as float64.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { deflate, inflate } from 'node:zlib'
import { z } from 'zod'
import { Note } from '../../../shared/domain'
import { Histogram } from './histogram'
import type { CollectedStatistics, Counted, StatisticsStore, ValueStatistics } from './statistics'

/** Bytes kept, compressed. */
const LIMIT = 256 * 2 ** 20
/** A draft that nobody finished in this time never will be. */
const DRAFT_MS = 3_600_000

const Header = z.object({
  format: z.literal(1),
  samples: z.number(),
  notes: z.array(Note),
  values: z.array(
    z.object({
      name: z.string(),
      min: z.number(),
      max: z.number(),
      perSample: z.number(),
      histograms: z.array(
        z.object({
          counted: z.enum(['magnitudes', 'nonzero']),
          low: z.number(),
          high: z.number(),
          bins: z.number().int().positive(),
        }),
      ),
    }),
  ),
})
type Header = z.infer<typeof Header>

/** Where a workspace keeps statistics of activations. */
export function statisticsFolder({ folder }: { folder: string }): string {
  return join(folder, 'statistics')
}

/** A store that processes may share: files appear whole. Its folder is made when something is put. */
export function folderStore(dir: string, limit = LIMIT): StatisticsStore {
  const place = (key: string) => join(dir, `${key}.stats`)
  return {
    async get(key) {
      try {
        const found = decode(await promisify(inflate)(await readFile(place(key))))
        const now = new Date()
        await utimes(place(key), now, now)
        return found
      } catch {
        return undefined // not there, or not whole: it is measured again
      }
    },
    async put(key, statistics) {
      await mkdir(dir, { recursive: true })
      const draft = join(dir, `${randomUUID()}.new`)
      await writeFile(draft, await promisify(deflate)(encode(statistics), { level: 1 }))
      await rename(draft, place(key))
      await makeRoom(dir, limit)
    },
  }
}

/** Removes what was used longest ago, but for the newest, and drafts that were left behind. */
async function makeRoom(dir: string, limit: number): Promise<void> {
  const files = await Promise.all(
    (await readdir(dir)).map(async name => {
      const path = join(dir, name)
      const about = await stat(path).catch(() => undefined) // another process may have removed it
      return about ? [{ path, bytes: about.size, used: about.mtimeMs }] : []
    }),
  )
  let bytes = 0
  const sorted = files.flat().sort((a, b) => b.used - a.used)
  for (const [i, file] of sorted.entries()) {
    const draft = file.path.endsWith('.new')
    if (!draft) bytes += file.bytes
    const stale = draft ? Date.now() - file.used > DRAFT_MS : i > 0 && bytes > limit
    if (stale) await rm(file.path, { force: true })
  }
}

function encode({ samples, values, notes }: CollectedStatistics): Buffer {
  const counts: Float64Array[] = []
  const header: Header = {
    format: 1,
    samples,
    notes: [...notes],
    values: [...values].map(([name, { range, perSample, histograms }]) => ({
      name,
      ...range,
      perSample,
      histograms: Object.entries(histograms).map(([counted, histogram]) => {
        counts.push(histogram.counts)
        const { low, high } = histogram
        return { counted: counted as Counted, low, high, bins: histogram.counts.length } // keys of this record
      }),
    })),
  }
  const head = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(head.byteLength)
  const bodies = counts.map(list => Buffer.from(list.buffer, list.byteOffset, list.byteLength))
  return Buffer.concat([length, head, ...bodies])
}

/** Throws when the bytes are none of ours. */
function decode(bytes: Buffer): CollectedStatistics {
  const length = bytes.readUInt32LE(0)
  const header = Header.parse(JSON.parse(bytes.subarray(4, 4 + length).toString('utf8')))
  let at = 4 + length
  const values = header.values.map(({ name, min, max, perSample, histograms }): [string, ValueStatistics] => {
    const own: ValueStatistics['histograms'] = {}
    for (const { counted, low, high, bins } of histograms) {
      const histogram = new Histogram(low, high, bins, counted)
      if (at + 8 * bins > bytes.byteLength) throw new RangeError('Counts are missing.')
      for (let i = 0; i < bins; i++) histogram.counts[i] = bytes.readDoubleLE(at + 8 * i)
      own[counted] = histogram
      at += 8 * bins
    }
    return [name, { range: { min, max }, perSample, histograms: own }]
  })
  return { samples: header.samples, values: new Map(values), notes: header.notes }
}
