/**
 * Training samples by position, kept in memory when they fit: reading and decoding a file anew in every epoch would
 * take longer than many a training step.
 */
import type { Dataset } from '../data/dataset'
import { breathe, type TaskContext } from '../jobs/context'
import type { Tensor, TensorData } from '../runtime/tensor'

/** Samples of up to this many bytes in all are kept. */
const KEPT_BYTES = 2 ** 30
const CHUNK = 256

export interface SampleBatch {
  /** Per-sample feeds have the batch as their first axis. */
  feeds: Record<string, Tensor>
  /** Class indices or target values; absent without labels. */
  labels: Float64Array | undefined
}

export interface Samples {
  /** The samples of these indices of the dataset, in fresh arrays. */
  batch(indices: Uint32Array): Promise<SampleBatch>
}

/**
 * Opens the samples `indices` of a dataset. Reads them all at once when they fit into memory and all have one shape.
 * Throws what reading throws.
 */
export async function openSamples(
  dataset: Dataset,
  indices: Uint32Array,
  context: TaskContext,
): Promise<Samples> {
  const direct: Samples = {
    async batch(wanted) {
      const { feeds, labels } = await dataset.batch(wanted)
      return { feeds, labels }
    },
  }
  const bytes = bytesPerSample(dataset)
  if (bytes === undefined || bytes * indices.length > KEPT_BYTES) return direct
  const kept = await readAll(dataset, indices, context)
  return kept ?? direct
}

/** Bytes of one sample's feeds; undefined when its shape varies or holds text. */
function bytesPerSample(dataset: Dataset): number | undefined {
  let bytes = 0
  for (const { type, shape } of dataset.summary.inputs) {
    const item = Number(/\d+$/.exec(type)?.[0] ?? 8) / 8
    if (type === 'string' || shape.some(d => typeof d !== 'number')) return undefined
    bytes += shape.reduce<number>((product, d) => product * Number(d), item)
  }
  return bytes
}

type NumericData = Exclude<TensorData, string[]>

async function readAll(
  dataset: Dataset,
  indices: Uint32Array,
  context: TaskContext,
): Promise<Samples | undefined> {
  const columns = new Map<string, Tensor>()
  const labels = new Float64Array(indices.length)
  let labelled = true
  for (let from = 0; from < indices.length; from += CHUNK) {
    const part = indices.subarray(from, from + CHUNK)
    context.progress(from / indices.length, `Reading sample ${from} of ${indices.length}`)
    const batch = await dataset.batch(part)
    for (const [name, tensor] of Object.entries(batch.feeds)) {
      if (!keep(columns, name, tensor, from, part.length, indices.length)) return undefined
    }
    if (batch.labels) labels.set(batch.labels, from)
    else labelled = false
    await breathe(context)
  }
  const rows = new Map(Array.from(indices, (index, row) => [index, row]))
  return {
    async batch(wanted) {
      const at = Array.from(wanted, index => rows.get(index) ?? 0)
      const feeds = Object.fromEntries(
        [...columns].map(([name, all]) => [name, gather(all, at, indices.length)]),
      )
      return { feeds, labels: labelled ? Float64Array.from(at, row => labels[row] ?? Number.NaN) : undefined }
    },
  }
}

/** Copies a chunk into its column; false when it does not have the shape of the chunks before. */
function keep(
  columns: Map<string, Tensor>,
  name: string,
  tensor: Tensor,
  from: number,
  rows: number,
  total: number,
): boolean {
  if (Array.isArray(tensor.data)) return false
  if (tensor.dims[0] !== rows) {
    // Fed once for all samples, such as a sampling rate.
    columns.set(name, tensor)
    return tensor.data.length <= 1
  }
  const length = tensor.data.length / rows
  const known = columns.get(name)
  const column = known ?? {
    type: tensor.type,
    dims: [total, ...tensor.dims.slice(1)],
    data: new (tensor.data.constructor as new (n: number) => NumericData)(length * total), // its own kind of array
  }
  if (!known) columns.set(name, column)
  if (column.data.length !== length * total) return false
  ;(column.data as Float32Array).set(tensor.data as Float32Array, from * length) // both are of the tensor's type
  return true
}

function gather(all: Tensor, rows: readonly number[], total: number): Tensor {
  if (all.dims[0] !== total) return all
  const source = all.data as Float32Array // numeric: text is never kept
  const length = source.length / total
  const data = new (source.constructor as new (n: number) => Float32Array)(length * rows.length)
  rows.forEach((row, i) => {
    data.set(source.subarray(row * length, (row + 1) * length), i * length)
  })
  return { type: all.type, dims: [rows.length, ...all.dims.slice(1)], data }
}
