/** Making a variant again from its evidence, byte for byte. */
import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Evidence } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { TaskContext } from '../jobs/context'
import { runtimeVersion } from '../measure/hardware'
import { filesOf, readModel } from '../onnx/read'
import { VERSION } from '../version'
import { planDigest, readEvidence, sidecarPath } from './evidence'
import { originOf, realize } from './variant'

export interface ReplayRequest {
  /** The variant; its evidence lies beside it. */
  file: string
  /** The model it was made from. */
  parent: string
  out: string
}

export interface Replayed {
  evidence: Evidence
  /** True when the new file equals the old one to the last byte. */
  identical: boolean
  sizeBytes: number
}

/**
 * Applies the plan of the evidence to the parent again. Throws `not-found` without evidence, `bad-file` when its plan
 * was changed, `bad-option` when the parent is another model than then; and what `realize` throws. With other versions
 * of Bantam or ONNX Runtime the bytes may differ: `identical` then says false, and the new evidence names the versions.
 */
export async function replay(request: ReplayRequest, context: TaskContext): Promise<Replayed> {
  const { file, parent, out } = request
  if (resolve(file) === resolve(out)) {
    throw new BantamError('bad-option', 'The new file would overwrite the one it is to be compared with.', {
      where: out,
      action: 'Choose another output path.',
    })
  }
  const evidence = await readEvidence(file)
  if (!evidence) {
    throw new BantamError('not-found', 'There is no evidence beside the file, so it cannot be made again.', {
      where: sidecarPath(file),
    })
  }
  if (planDigest(evidence.plan) !== evidence.planDigest) {
    throw new BantamError('bad-file', 'The plan in the evidence was changed: its digest differs.', {
      where: sidecarPath(file),
    })
  }
  const model = await readModel(parent)
  const origin = await originOf(await filesOf(parent, model))
  if (origin.hash !== evidence.parent.hash) {
    throw new BantamError('bad-option', 'This is not the model the variant was made from.', {
      where: parent,
      action: `Give the model whose hash is ${evidence.parent.hash}.`,
    })
  }
  const made = await realize(
    model,
    origin,
    evidence.plan,
    { parent, out, threads: 1, device: 'cpu', dataset: evidence.dataset },
    context,
  )
  const identical = made.evidence.result.hash === evidence.result.hash
  if (!identical && evidence.bantam === VERSION && evidence.onnxruntime === runtimeVersion()) {
    await Promise.all([out, `${out}.data`, sidecarPath(out)].map(path => rm(path, { force: true })))
    throw new BantamError('internal', 'The same plan, parent and versions gave other bytes.', { where: file })
  }
  return { evidence: made.evidence, identical, sizeBytes: made.sizeBytes }
}
