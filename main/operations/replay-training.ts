/** What a training is made again with: the data it learnt from and the models it named, found and checked. */
import { existsSync } from 'node:fs'
import { z } from 'zod'
import { Device, type Evidence } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { Dataset } from '../data/dataset'
import { openDataset } from '../data/open'
import { modelInputs } from '../onnx/inputs'
import type { Model } from '../onnx/model'
import { modelHash } from '../onnx/read'
import type { LearnInput, ModelFile } from '../technique'
import { TrainingDecisions } from '../training/decisions'
import { processor } from '../training/machine'
import { sidecarPath } from './evidence'

/** Where things lie today, for what is no longer where it was. */
export interface Places {
  /** Source of the data. */
  data?: string
  /** Model files by the name the plan has for them. */
  models?: Readonly<Record<string, string>>
}

const Named = z.object({ source: z.string(), hash: z.string().nullable() })
/** What learns without steps, by statistics of the samples, says no more than which samples and how many threads. */
const Decisions = TrainingDecisions.pick({ threads: true, data: true, from: true }).extend({
  device: Device.default('cpu'),
  /** Null: the plan does not say. */
  processor: z.string().nullable().default(null),
  student: Named.optional(),
  teachers: z.array(Named).optional(),
})

export interface Relearning extends LearnInput {
  /** Why the bits may differ although plan, data and versions are the same; null when they must not. */
  reason: string | null
  close(): Promise<void>
}

/**
 * Opens what the plan of a training says it was made with. Throws `bad-file` for a plan that does not say it,
 * `not-found` for data or models that are not where they were, `bad-option` for others than then; and what reading
 * throws.
 */
export async function openRelearning(
  evidence: Evidence,
  parent: Model,
  file: string,
  places: Places,
): Promise<Relearning> {
  const parsed = Decisions.safeParse(evidence.plan.decisions)
  if (!parsed.success || !evidence.dataset) {
    throw new BantamError('bad-file', 'The plan in the evidence does not say how the training was done.', {
      where: sidecarPath(file),
      action: 'It was made by another version of Bantam; train anew.',
    })
  }
  const decisions = parsed.data
  const models = await namedFiles(decisions, places.models ?? {})
  const dataset = await openData(decisions, parent, evidence.dataset.hash, places.data)
  const { from, threads, device } = decisions
  const here = processor()
  return {
    training: { dataset, indices: Array.isArray(from) ? Uint32Array.from(from) : dataset.indices(from) },
    models,
    threads,
    device,
    reason:
      decisions.processor === here
        ? null
        : decisions.processor === null
          ? 'It learnt on a processor that the plan does not name; on another one sums are taken in another order.'
          : `The training was done on another processor (${decisions.processor}; this is ${here}), where sums are taken in another order.`,
    close: () => dataset.close(),
  }
}

async function openData(
  { data }: z.infer<typeof Decisions>,
  parent: Model,
  hash: string,
  source = data.source,
): Promise<Dataset> {
  const dataset = await openDataset({ ...data, source }, modelInputs(parent)).catch((error: unknown) => {
    if (!(error instanceof BantamError) || error.code !== 'not-found') throw error
    throw new BantamError('not-found', 'The data that the training learnt from is not there.', {
      where: source,
      action: 'Say where it lies now (--data).',
      cause: error,
    })
  })
  if (dataset.summary.hash === hash) return dataset
  await dataset.close()
  throw new BantamError('bad-option', 'This is not the data that the training learnt from.', {
    where: source,
    action: `Give the data as it was then (--data): its hash was ${hash.slice(0, 12)}…, this one's is ${dataset.summary.hash.slice(0, 12)}….`,
  })
}

/** Student and further teachers that were files. A student made from the teacher is made again. */
async function namedFiles(
  { student, teachers = [] }: z.infer<typeof Decisions>,
  places: Readonly<Record<string, string>>,
): Promise<Record<string, ModelFile>> {
  const named = [...(student ? [student] : []), ...teachers]
  const stranger = Object.keys(places).find(name => !named.some(n => n.hash !== null && n.source === name))
  if (stranger !== undefined) {
    const names = named.filter(n => n.hash !== null).map(n => n.source)
    throw new BantamError('bad-option', `The training named no model ${stranger}.`, {
      where: stranger,
      action: names.length > 0 ? `It named ${names.join(', ')}.` : 'It named none: leave it out.',
    })
  }
  const files: Record<string, ModelFile> = {}
  for (const { source, hash } of named) {
    if (hash === null) continue
    const path = places[source] ?? source
    if (!existsSync(path)) {
      throw new BantamError('not-found', 'A model that the training named is not there.', {
        where: path,
        action: `Say where it lies now (--model ${source}=FILE): its hash is ${hash}.`,
      })
    }
    const found = await modelHash(path)
    if (found !== hash) {
      throw new BantamError('bad-option', 'A model is another one than the training named.', {
        where: path,
        action: `Give the model whose hash is ${hash} (--model ${source}=FILE).`,
      })
    }
    files[source] = { path, hash }
  }
  return files
}
