/** Where a file came from: written into its metadata and beside it as `FILE.bantam.json`. */
import { createHash, randomBytes } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { create } from '@bufbuild/protobuf'
import { StringStringEntryProtoSchema } from 'onnx-buf'
import { Evidence, type Plan } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { Model } from '../onnx/model'

const PREFIX = 'bantam.'

/** JSON with the keys of every object in order and no blanks: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  )
}

/** SHA-256 (hex) of the plan's canonical JSON. */
export function planDigest(plan: Plan): string {
  return createHash('sha256').update(canonicalJson(plan)).digest('hex')
}

/** Path of the evidence beside a model file. */
export function sidecarPath(model: string): string {
  return `${model}.bantam.json`
}

/**
 * Writes lineage into the model's metadata, replacing what a parent left there. Nothing in it depends on when or
 * where the file is made, so the same plan gives the same bytes. `defaults`: what the technique's options are where
 * nothing is chosen; only others are written, for they would be a large part of a small file.
 */
export function stampModel(
  model: Model,
  facts: {
    parent: string
    plan: Plan
    defaults: Readonly<Record<string, unknown>>
    dataset: string | null
    bantam: string
    onnxruntime: string
  },
): void {
  const { plan, defaults } = facts
  const chosen = Object.entries(plan.options).filter(
    ([key, value]) => canonicalJson(value) !== canonicalJson(defaults[key]),
  )
  const entries: Record<string, string> = {
    version: facts.bantam,
    onnxruntime: facts.onnxruntime,
    technique: plan.technique,
    options: canonicalJson(Object.fromEntries(chosen)),
    seed: String(plan.seed),
    plan: planDigest(plan),
    parent: facts.parent,
    ...(facts.dataset ? { dataset: facts.dataset } : {}),
  }
  const others = model.proto.metadataProps.filter(p => !p.key.startsWith(PREFIX))
  model.proto.metadataProps = [
    ...others,
    ...Object.entries(entries).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key: PREFIX + key, value }),
    ),
  ]
}

/** What `stampModel` wrote, without the prefix; empty for a file Bantam did not make. */
export function modelStamp(model: Model): Record<string, string> {
  const own = model.proto.metadataProps.filter(p => p.key.startsWith(PREFIX))
  return Object.fromEntries(own.map(p => [p.key.slice(PREFIX.length), p.value]))
}

/** Writes evidence whole or not at all. */
export async function writeEvidence(path: string, evidence: Evidence): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    await writeFile(temporary, `${JSON.stringify(evidence, null, 1)}\n`, { flag: 'wx' })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** The evidence beside a model; null when there is none. Throws `bad-file` when it is damaged or of another kind. */
export async function readEvidence(model: string): Promise<Evidence | null> {
  const path = sidecarPath(model)
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (text === null) return null
  let parsed: ReturnType<typeof Evidence.safeParse>
  try {
    parsed = Evidence.safeParse(JSON.parse(text))
  } catch {
    throw new BantamError('bad-file', 'The evidence is not JSON.', { where: path })
  }
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new BantamError(
    'bad-file',
    `The evidence is not of the form Bantam writes: ${issue?.path.join('.')} ${issue?.message}.`,
    {
      where: path,
    },
  )
}
