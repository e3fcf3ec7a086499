/** Making a variant again from its evidence, byte for byte. */
import { rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Evidence } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { TaskContext } from '../jobs/context'
import { runtimeVersion } from '../measure/hardware'
import type { Model } from '../onnx/model'
import { filesOf, readModel } from '../onnx/read'
import { learnsWith } from '../technique'
import { techniqueById } from '../techniques'
import { VERSION } from '../version'
import { planDigest, readEvidence, sidecarPath } from './evidence'
import { openRelearning, type Places } from './replay-training'
import { type MadeVariant, type Origin, originOf, realize } from './variant'

export interface ReplayRequest extends Places {
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
  /** Why the bytes differ, where they do. */
  reason: string | null
  sizeBytes: number
}

/**
 * Applies the plan of the evidence to the parent again; a training learns again from the data it learnt from, with the
 * number of threads and on the device it had. Throws `not-found` without evidence, `bad-file` when its plan was changed,
 * `bad-option` when the parent (or data, or another model it names) is another one than then; and what `realize` throws.
 * With other versions of Bantam or ONNX Runtime, or a training on another processor or a device with an order of its
 * own, the bytes may differ: `identical` then says false and `reason` why.
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
  const { made, reason } = await makeAgain(request, { model, origin, evidence }, context)
  const identical = made.evidence.result.hash === evidence.result.hash
  const why = identical ? null : (versionsDiffer(evidence) ?? reason)
  if (!identical && why === null) {
    await Promise.all([out, `${out}.data`, sidecarPath(out)].map(path => rm(path, { force: true })))
    throw new BantamError('internal', 'The same plan, parent and versions gave other bytes.', { where: file })
  }
  return { evidence: made.evidence, identical, reason: why, sizeBytes: made.sizeBytes }
}

function versionsDiffer({ bantam, onnxruntime }: Evidence): string | null {
  const here = runtimeVersion()
  if (bantam === VERSION && onnxruntime === here) return null
  return `It was made by Bantam ${bantam} with ONNX Runtime ${onnxruntime}; these are ${VERSION} and ${here}.`
}

async function makeAgain(
  { parent, out, file, data, models }: ReplayRequest,
  { model, origin, evidence }: { model: Model; origin: Origin; evidence: Evidence },
  context: TaskContext,
): Promise<{ made: MadeVariant; reason: string | null }> {
  const { plan, dataset } = evidence
  const common = { parent, out, dataset }
  if (!learnsWith(techniqueById(plan.technique), plan.options)) {
    const request = { ...common, threads: 1, device: 'cpu' as const }
    return { made: await realize(model, origin, plan, request, context), reason: null }
  }
  const places = { ...(data === undefined ? {} : { data }), ...(models ? { models } : {}) }
  const { close, reason, ...input } = await openRelearning(evidence, model, file, places)
  try {
    const made = await realize(model, origin, plan, { ...common, ...input }, context)
    const device =
      input.device === 'cpu' ? null : `The device ${input.device} does not take sums in one fixed order.`
    return { made, reason: reason ?? device }
  } finally {
    await close()
  }
}
