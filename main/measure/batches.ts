/** Cutting samples into runs. */
import type { TensorInfo } from '../../shared/domain'
import type { Batch, Dataset } from '../data/dataset'
import { breathe, type TaskContext } from '../jobs/context'
import { elementCount } from '../runtime/tensor'
import type { SampleSet } from '../technique'
import { fixedBatch } from './inputs'

/** Most samples in one run, and most input values: 64 MB of float32. */
const MOST = 64
const MOST_VALUES = 2 ** 24

/**
 * Samples as they are run: up to `most` at a time, fewer when they are large, or as many as the model takes. With a
 * batch of the model's own, or where all must be alike (`fill`), the last run is filled up with the first samples.
 */
export function batchesOf(
  { dataset, indices }: SampleSet,
  inputs: readonly TensorInfo[],
  { most = MOST, fill = false }: { most?: number; fill?: boolean } = {},
): Uint32Array[] {
  const fixed = fixedBatch(inputs)
  const size = fixed ?? Math.min(freeBatch(dataset, most), indices.length)
  return Array.from({ length: Math.ceil(indices.length / size) }, (_, i) => {
    const part = indices.slice(i * size, (i + 1) * size)
    if (part.length === size || (fixed === null && !fill)) return part
    return Uint32Array.from({ length: size }, (_, k) => indices[(i * size + k) % indices.length] ?? 0)
  })
}

/** Samples that are run together. */
export interface SampleRun {
  batch: Batch
  /** Rows of the batch: more than the samples where it was filled up. */
  rows: number
  samples: Uint32Array
  /** Place of the first of them in the order of all. */
  start: number
}

/**
 * Samples `size` at a time, in order. `fill`: the model takes no fewer, so the last run is filled up with its last
 * sample. Progress is told, in `unit`, as the caller comes back for more. Throws `cancelled` between runs, and what the
 * dataset throws.
 */
export async function* sampleRuns(
  dataset: Dataset,
  indices: Uint32Array,
  { size, fill, unit }: { size: number; fill: boolean; unit: string },
  context: TaskContext,
): AsyncGenerator<SampleRun> {
  for (let start = 0; start < indices.length; start += size) {
    await breathe(context)
    const samples = indices.subarray(start, start + size)
    const asked = fill
      ? Uint32Array.from({ length: size }, (_, i) => samples[Math.min(i, samples.length - 1)] ?? 0)
      : samples
    yield { batch: await dataset.batch(asked), rows: asked.length, samples, start }
    const done = start + samples.length
    context.progress(done / indices.length, `running the model: ${done} of ${indices.length} ${unit}`)
  }
}

function freeBatch({ summary }: Dataset, most: number): number {
  const sizes = summary.inputs.map(i => elementCount(i.shape.map(d => (typeof d === 'number' ? d : 1))))
  const values = sizes.reduce((sum, size) => sum + size, 0)
  return Math.max(1, Math.min(most, MOST, Math.floor(MOST_VALUES / Math.max(1, values))))
}
