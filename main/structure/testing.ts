/** What the tests of structure share. Imported by tests only. */
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeFeeds } from '../measure/inputs'
import { copyModel } from '../onnx/copy'
import type { Model } from '../onnx/model'
import { makeTensor, tensorDims, tensorValues } from '../onnx/tensor'
import { serialize } from '../onnx/write'
import { openSession } from '../runtime/session'
import { type Tensor, toNumbers } from '../runtime/tensor'
import type { Structure } from './groups'
import { channelAt } from './importance'

const folder = join(dirname(fileURLToPath(import.meta.url)), 'fixtures')

/** Names of the networks of `bench/structure-models.py` kept here. */
export const FIXTURES = readdirSync(folder)
  .filter(name => name.endsWith('.onnx'))
  .sort()

export function fixturePath(name: string): string {
  return join(folder, name)
}

/** Runs a model on made-up values of the given input shapes. */
export async function runModel(
  model: Model,
  shapes: ReadonlyMap<string, readonly number[]>,
): Promise<Record<string, Tensor>> {
  const session = await openSession(serialize(model), { threads: 1 }, model.directory ?? undefined)
  try {
    const inputs = session.inputs.map(i => ({ ...i, shape: [...(shapes.get(i.name) ?? i.shape)] }))
    return await session.run(makeFeeds(inputs, 1))
  } finally {
    await session.close()
  }
}

/** Largest difference of two results relative to their largest value; infinite when shapes differ. */
export function difference(a: Record<string, Tensor>, b: Record<string, Tensor>): number {
  let [worst, largest] = [0, 1e-20]
  for (const [name, x] of Object.entries(a)) {
    const y = b[name]
    if (!y || String(x.dims) !== String(y.dims)) return Number.POSITIVE_INFINITY
    const [left, right] = [toNumbers(x), toNumbers(y)]
    left.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(value - (right[i] ?? Number.NaN)))
      largest = Math.max(largest, Math.abs(value))
    })
  }
  return worst / largest
}

/** A structure whose dropped channels do nothing: every weight of theirs is zero. */
export function idle(structure: Structure, keep: ReadonlyMap<string, Uint32Array>): Structure {
  const model = copyModel(structure.model)
  for (const group of structure.groups) {
    const kept = keep.get(group.id)
    if (!kept) continue
    const stays = new Set(kept)
    for (const { name, axis, shape, places } of group.weights) {
      const tensor = model.graph.initializer(name)
      if (!tensor) continue
      const values = Float32Array.from(toNumbers(tensorValues(tensor, model.directory)))
      const size = shape[axis] ?? 1
      const inner = shape.slice(axis + 1).reduce((all, d) => all * d, 1)
      const channels = channelAt(places, group.size, size)
      values.forEach((_, i) => {
        const channel = channels[Math.floor(i / inner) % size] ?? -1
        if (channel >= 0 && !stays.has(channel)) values[i] = 0
      })
      model.graph.setInitializer(makeTensor(name, 'float32', tensorDims(tensor), values))
    }
  }
  return { ...structure, model }
}
