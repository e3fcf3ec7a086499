/** DATA of the command line and of a specification: a path or `sample:NAME`, either with `#from:to`. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { DatasetSpec } from '../../shared/domain'
import { BantamError } from '../../shared/errors'

export interface Source {
  /** Absolute path of the file or folder. */
  path: string
  /** Name of the shipped sample, when the source is one. */
  sample?: string
  /** Half-open range of samples; `to` is absent when the range runs to the end. */
  range?: { from: number; to?: number }
}

const SampleDescription = z.object({
  title: z.string(),
  data: z.string(),
  teacher: z.string(),
  spec: DatasetSpec.omit({ source: true }),
  splitDigests: z.object({ train: z.string(), calibration: z.string(), test: z.string() }),
})
export type SampleDescription = z.infer<typeof SampleDescription>

/**
 * Parses DATA. `#2000:` and `#:500` leave an end open. A path that itself ends in `#1:2` is taken as it is when such a
 * file exists. Throws `bad-option` for a range that is no range, `not-found` for a sample that does not exist.
 */
export function parseSource(text: string): Source {
  if (existsSync(text)) return { path: resolve(text) }
  const hash = text.lastIndexOf('#')
  const range = hash < 0 ? undefined : parseRange(text, text.slice(hash + 1))
  const base = hash < 0 ? text : text.slice(0, hash)
  const located = base.startsWith('sample:')
    ? { path: samplePath(base.slice(7)), sample: base.slice(7) }
    : { path: resolve(base) }
  return range ? { ...located, range } : located
}

function parseRange(source: string, text: string): { from: number; to?: number } {
  const match = /^(\d*):(\d*)$/.exec(text)
  const from = Number(match?.[1] || 0)
  const to = match?.[2] ? Number(match[2]) : undefined
  if (!match || (to !== undefined && to <= from)) {
    throw new BantamError('bad-option', `"#${text}" is no range of samples.`, {
      where: source,
      action: 'Write #FROM:TO with FROM below TO, for example data.npz#0:2000.',
    })
  }
  return to === undefined ? { from } : { from, to }
}

/** The folder of shipped samples: beside a packaged app's resources, or above this module (checkout and bundle alike). */
export function samplesFolder(): string {
  // Electron sets `resourcesPath`; plain Node has none.
  const { resourcesPath } = process as { resourcesPath?: string }
  const packaged = resourcesPath && join(resourcesPath, 'samples')
  if (packaged && existsSync(join(packaged, 'digits.json'))) return packaged
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'samples/digits.json'))) return join(folder, 'samples')
    if (folder === dirname(folder)) {
      throw new BantamError('not-found', 'The folder of samples that ships with Bantam is missing.', {
        action: 'Install Bantam again.',
      })
    }
  }
}

/** What a shipped sample is. Throws `not-found`. */
export function sampleDescription(name: string): SampleDescription {
  const file = /^[a-z0-9-]+$/.test(name) ? join(samplesFolder(), `${name}.json`) : undefined
  if (!file || !existsSync(file)) {
    throw new BantamError('not-found', `There is no sample "${name}".`, {
      action: 'Use sample:digits or sample:spam.',
    })
  }
  return SampleDescription.parse(JSON.parse(readFileSync(file, 'utf8')))
}

/** Path of a sample's data. Throws `not-found`. */
export function samplePath(name: string): string {
  return join(samplesFolder(), sampleDescription(name).data)
}

/** Path of the teacher that ships with a sample. Throws `not-found`. */
export function sampleModelPath(name: string): string {
  return join(samplesFolder(), sampleDescription(name).teacher)
}
