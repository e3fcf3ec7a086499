/** The work of `bantam replay`. */
import { readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { TaskContext } from '../../main/jobs/context'
import { modelHash } from '../../main/onnx/read'
import { readEvidence } from '../../main/operations/evidence'
import { replay } from '../../main/operations/replay'
import { BantamError } from '../../shared/errors'

export interface ReplayResult {
  file: string
  parent: string
  /** Null when the result was only compared. */
  out: string | null
  identical: boolean
  hash: string
  sizeBytes: number
}

/** Makes a variant again; without `out`, in the task's temporary folder. */
export async function replayFile(
  file: string,
  options: { parent?: string; out?: string },
  context: TaskContext,
): Promise<ReplayResult> {
  const parent = options.parent ?? (await findParent(file))
  const out = options.out ?? join(context.tempDir, basename(file))
  const { evidence, identical, sizeBytes } = await replay({ file, parent, out }, context)
  return { file, parent, out: options.out ?? null, identical, hash: evidence.result.hash, sizeBytes }
}

/** The model in the file's folder whose hash the evidence names. Throws `not-found`. */
async function findParent(file: string): Promise<string> {
  const evidence = await readEvidence(file)
  if (!evidence) {
    throw new BantamError('not-found', 'There is no evidence beside the file, so it cannot be made again.', {
      where: `${file}.bantam.json`,
    })
  }
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
