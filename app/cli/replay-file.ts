/** The work of `bantam replay`. */
import { readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { TaskContext } from '../../main/jobs/context'
import { modelHash } from '../../main/onnx/read'
import { readEvidence } from '../../main/operations/evidence'
import { replay } from '../../main/operations/replay'
import type { Evidence } from '../../shared/domain'
import { BantamError } from '../../shared/errors'

export interface ReplayResult {
  file: string
  parent: string
  /** Null when the result was only compared. */
  out: string | null
  identical: boolean
  /** Why the bytes differ, where they do. */
  reason: string | null
  hash: string
  sizeBytes: number
}

/** Makes a variant again; without `out`, in the task's temporary folder. */
export async function replayFile(
  file: string,
  options: { parent?: string; out?: string; data?: string; models?: Readonly<Record<string, string>> },
  context: TaskContext,
): Promise<ReplayResult> {
  const evidence = await evidenceOf(file)
  const parent = options.parent ?? (await findParent(file, evidence))
  const out = options.out ?? join(context.tempDir, basename(file))
  const { data, models } = options
  const request = {
    file,
    parent,
    out,
    ...(data === undefined ? {} : { data }),
    ...(models ? { models } : {}),
  }
  const made = await replay(request, context)
  const { identical, reason, sizeBytes } = made
  const { hash } = made.evidence.result
  return { file, parent, out: options.out ?? null, identical, reason, hash, sizeBytes }
}

async function evidenceOf(file: string): Promise<Evidence> {
  const evidence = await readEvidence(file)
  if (evidence) return evidence
  throw new BantamError('not-found', 'There is no evidence beside the file, so it cannot be made again.', {
    where: `${file}.bantam.json`,
  })
}

/** The model in the file's folder whose hash the evidence names. Throws `not-found`. */
async function findParent(file: string, evidence: Evidence): Promise<string> {
  const folder = dirname(file)
  for (const name of readdirSync(folder).filter(name => /\.onnx$/i.test(name) && name !== basename(file))) {
    const path = join(folder, name)
    // A file that cannot be read as a model is not the one.
    if ((await modelHash(path).catch(() => '')) === evidence.parent.hash) return path
  }
  throw new BantamError('not-found', 'The model it was made from is not in the same folder.', {
    where: file,
    action: `Name it with --parent: its hash is ${evidence.parent.hash}.`,
  })
}
