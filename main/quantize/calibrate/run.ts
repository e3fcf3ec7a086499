/** Running a model with further outputs over calibration samples: how it is opened, and cut into runs. */
import { join } from 'node:path'
import type { Note } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import type { TaskContext } from '../../jobs/context'
import { fixedBatch } from '../../measure/inputs'
import type { Model } from '../../onnx/model'
import { isExternal, tensorByteLength } from '../../onnx/tensor'
import { serialize, writeModel } from '../../onnx/write'
import { openSession, type Session } from '../../runtime/session'
import type { Tensor } from '../../runtime/tensor'

/** Samples in one run when the model takes any number, at most. */
const BATCH = 32
/** Bytes of activations that one run may make. */
const RUN_BYTES = 256 * 2 ** 20
/** Above this many bytes of weights the model goes through a file, so that they are not in memory twice more. */
const IN_MEMORY_BYTES = 2 ** 28

/** Opens a session over an augmented model for a pass over samples. `further`: settings besides those made here. */
export async function openCalibration(
  model: Model,
  threads: number,
  context: TaskContext,
  further: Record<string, string> = {},
): Promise<Session> {
  let bytes = 0
  for (const tensor of model.graph.initializers()) if (!isExternal(tensor)) bytes += tensorByteLength(tensor)
  const inMemory = bytes < IN_MEMORY_BYTES
  const config: Record<string, string> = {
    // Between runs these threads have nothing to do, and others, like the process that will prove the result, have.
    'session.intra_op.allow_spinning': '0',
    // Weights packed for the kernels are a second copy of them.
    ...(inMemory ? {} : { 'session.disable_prepacking': '1' }),
    ...further,
  }
  const options = { threads, config, memoryPattern: inMemory }
  if (inMemory) return openSession(serialize(model), options, model.directory ?? undefined)
  const path = join(context.tempDir, 'calibration.onnx')
  await writeModel(model, path)
  return openSession(path, options)
}

export interface BatchPlan {
  batches: Uint32Array[]
  /** True when batches may be cut smaller. */
  free: boolean
  notes: Note[]
}

/**
 * Cuts the samples into runs: of the model's fixed batch size; else a first run of one sample, which tells how large
 * activations are (see `cutByBytes`), and the rest. Throws `bad-data` without samples, or with fewer than the batch.
 */
export function batchPlan(session: Pick<Session, 'inputs'>, indices: Uint32Array): BatchPlan {
  if (indices.length === 0)
    throw new BantamError('bad-data', 'Calibration has no samples.', { where: 'calibration' })
  const fixed = fixedBatch(session.inputs)
  if (fixed === null) {
    return {
      batches: [indices.subarray(0, 1), ...smaller([indices.subarray(1)], BATCH)],
      free: true,
      notes: [],
    }
  }
  const size = fixed > 0 ? fixed : Math.min(BATCH, indices.length)
  if (indices.length < fixed) {
    throw new BantamError(
      'bad-data',
      `The model takes ${fixed} samples at a time, but there are ${indices.length}.`,
      {
        where: 'calibration',
        action: 'Give more calibration samples.',
      },
    )
  }
  const batches = smaller([indices], size)
  const last = batches.at(-1)
  const notes: Note[] = []
  if (last && last.length < size) {
    batches.pop()
    notes.push({
      code: 'calibration-remainder',
      severity: 'info',
      message: `${last.length} samples were left over from runs of ${size} and not used.`,
    })
  }
  return { batches, free: false, notes }
}

/** Cuts all batches but the first `done` so that no run makes more than `RUN_BYTES` of activations. */
export function cutByBytes(plan: BatchPlan, done: number, bytesPerSample: number): void {
  if (!plan.free) return
  const rest = smaller(plan.batches.slice(done), RUN_BYTES / Math.max(1, bytesPerSample))
  plan.batches = [...plan.batches.slice(0, done), ...rest]
}

/** Only what the model takes: datasets may hold more. Throws `bad-data` naming an input without data. */
export function pick(session: Session, feeds: Record<string, Tensor>): Record<string, Tensor> {
  return Object.fromEntries(
    session.inputs.map(({ name }) => {
      const tensor = feeds[name]
      if (!tensor)
        throw new BantamError('bad-data', `The data has nothing for the input ${name}.`, { where: name })
      return [name, tensor]
    }),
  )
}

/** Batches of at most `limit` samples (at least one). */
export function smaller(batches: readonly Uint32Array[], limit: number): Uint32Array[] {
  const size = Math.max(1, Math.floor(limit))
  return batches.flatMap(batch => {
    const parts: Uint32Array[] = []
    for (let i = 0; i < batch.length; i += size) parts.push(batch.subarray(i, i + size))
    return parts
  })
}
