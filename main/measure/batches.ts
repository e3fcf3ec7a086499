/** Cutting samples into runs. */
import type { TensorInfo } from '../../shared/domain'
import type { Dataset } from '../data/dataset'
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

function freeBatch({ summary }: Dataset, most: number): number {
  const sizes = summary.inputs.map(i => elementCount(i.shape.map(d => (typeof d === 'number' ? d : 1))))
  const values = sizes.reduce((sum, size) => sum + size, 0)
  return Math.max(1, Math.min(most, MOST, Math.floor(MOST_VALUES / Math.max(1, values))))
}
