/** Ranges and energy of activations channel by channel, over samples. */
import type { NodeProto } from 'onnx-buf'
import { breathe, type TaskContext } from '../../jobs/context'
import { batchesOf } from '../../measure/batches'
import { cut } from '../../onnx/cut'
import { modelInputs } from '../../onnx/inputs'
import type { Model } from '../../onnx/model'
import { serialize } from '../../onnx/write'
import { openSession } from '../../runtime/session'
import type { Tensor } from '../../runtime/tensor'
import type { SampleSet } from '../../technique'

/** Samples looked at: ranges of channels are for a person to compare, not for scales. */
const MOST_SAMPLES = 64

export interface Channels {
  min: number[]
  max: number[]
  /** Mean square of each. */
  energy: number[]
}

/** Of values that nodes like `node` read or make, by name; none where they have no axis of channels. */
export async function activationChannels(
  model: Model,
  node: NodeProto,
  names: readonly string[],
  { samples, threads }: { samples: SampleSet; threads: number },
  context: TaskContext,
): Promise<Map<string, Channels>> {
  const found = new Map<string, Channels & { count: number }>()
  const inputs = modelInputs(model)
  const made = names.filter(name => !inputs.some(input => input.name === name))
  const part = made.length > 0 ? cut(model, [], made) : model
  const session = await openSession(serialize(part), { threads }, model.directory ?? undefined)
  try {
    const { dataset, indices } = samples
    for (const batch of batchesOf({ dataset, indices: indices.subarray(0, MOST_SAMPLES) }, inputs)) {
      await breathe(context)
      const { feeds } = await dataset.batch(batch)
      const results = made.length > 0 ? await session.run(feeds, made) : {}
      for (const name of names) {
        const tensor = results[name] ?? feeds[name]
        if (tensor) add(found, name, tensor, channelAxisOf(node, tensor.dims.length))
      }
    }
  } finally {
    await session.close()
  }
  return new Map(
    [...found].map(([name, { min, max, energy, count }]) => [
      name,
      { min, max, energy: energy.map(sum => sum / Math.max(1, count)) },
    ]),
  )
}

/** The second axis of pictures and signals, the last of rows and sequences; null where there is none. */
function channelAxisOf({ opType }: NodeProto, rank: number): number | null {
  if (rank < 2) return null
  if (opType === 'MatMul' || opType === 'Gemm' || rank === 2) return rank - 1
  return rank >= 4 || opType === 'Conv' ? 1 : rank - 1
}

function add(
  found: Map<string, Channels & { count: number }>,
  name: string,
  { data, dims }: Tensor,
  axis: number | null,
): void {
  if (axis === null || !(data instanceof Float32Array)) return
  const channels = dims[axis] ?? 0
  const known = found.get(name)
  if (known && known.min.length !== channels) return // an axis of another length on every sample is none
  const inner = dims.slice(axis + 1).reduce((product, d) => product * d, 1)
  const into = known ?? {
    min: new Array<number>(channels).fill(Number.POSITIVE_INFINITY),
    max: new Array<number>(channels).fill(Number.NEGATIVE_INFINITY),
    energy: new Array<number>(channels).fill(0),
    count: 0,
  }
  for (let from = 0; from < data.length; from += inner) {
    const c = (from / inner) % channels
    let [min, max, energy] = [into.min[c] ?? 0, into.max[c] ?? 0, 0]
    for (let i = from; i < from + inner; i++) {
      const value = data[i] ?? 0
      if (value < min) min = value
      if (value > max) max = value
      energy += value * value
    }
    into.min[c] = min
    into.max[c] = max
    into.energy[c] = (into.energy[c] ?? 0) + energy
  }
  into.count += data.length / Math.max(1, channels)
  found.set(name, into)
}
