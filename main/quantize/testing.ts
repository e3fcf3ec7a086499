/** What the tests and benches of this folder share: a dataset in memory, a context, and running a model. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TensorProto } from 'onnx-buf'
import type { Dataset } from '../data/dataset'
import type { TaskContext } from '../jobs/context'
import type { Model } from '../onnx/model'
import { readModel } from '../onnx/read'
import { makeTensor } from '../onnx/tensor'
import { serialize } from '../onnx/write'
import { openSession } from '../runtime/session'
import type { Tensor } from '../runtime/tensor'

/** Samples that lie in memory: one float32 array per input, the first axis being the sample. */
export function arrayDataset(inputs: Record<string, { dims: number[]; data: Float32Array }>): Dataset {
  const count = Object.values(inputs)[0]?.dims[0] ?? 0
  const all = Uint32Array.from({ length: count }, (_, i) => i)
  return {
    summary: {
      spec: { source: 'memory', inputs: {}, split: { seed: 0, train: 0, calibration: 1, test: 0 } },
      hash: 'memory',
      format: 'npz',
      count,
      inputs: Object.entries(inputs).map(([name, { dims }]) => ({
        name,
        type: 'float32',
        shape: dims.slice(1),
      })),
      task: 'none',
      classes: [],
      classCounts: [],
      splits: { train: 0, calibration: count, test: 0 },
      notes: [],
    },
    async batch(indices) {
      const feeds: Record<string, Tensor> = {}
      for (const [name, { dims, data }] of Object.entries(inputs)) {
        const size = dims.slice(1).reduce((product, d) => product * d, 1)
        const out = new Float32Array(indices.length * size)
        Array.from(indices).forEach((index, i) => {
          out.set(data.subarray(index * size, (index + 1) * size), i * size)
        })
        feeds[name] = { type: 'float32', dims: [indices.length, ...dims.slice(1)], data: out }
      }
      return { feeds }
    },
    labels: () => undefined,
    preview: () => Promise.reject(new Error('not needed')),
    picture: () => Promise.resolve(null),
    indices: () => all,
    close: () => Promise.resolve(),
  }
}

/** A context that keeps its log and can be cancelled. */
export function testContext(): TaskContext & { lines: string[]; cancel(): void } {
  const abort = new AbortController()
  const lines: string[] = []
  return {
    progress: () => {},
    log: line => {
      lines.push(line)
    },
    signal: abort.signal,
    tempDir: mkdtempSync(join(tmpdir(), 'bantam-quantize-')),
    lines,
    cancel: () => abort.abort(),
  }
}

/** Seeded values, roughly normal (sum of four uniforms), the same on every machine. */
export function normals(count: number, seed: number, scale = 1): Float32Array {
  let state = (seed * 2654435761 + 1) >>> 0
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  return Float32Array.from(
    { length: count },
    () => (uniform() + uniform() + uniform() + uniform() - 2) * 1.7 * scale,
  )
}

/** A constant of such values. */
export function normalTensor(name: string, dims: number[], seed: number, scale = 1): TensorProto {
  const count = dims.reduce((a, b) => a * b)
  return makeTensor(name, 'float32', dims, normals(count, seed, scale))
}

/** Runs a model held in memory once. */
export async function run(model: Model, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const session = await openSession(serialize(model), { threads: 1 }, model.directory ?? undefined)
  try {
    return await session.run(feeds)
  } finally {
    await session.close()
  }
}

/** Node counts by operator of the model as ONNX Runtime really runs it, `domain:op` outside ai.onnx. */
export async function fusedOperators(model: Model): Promise<Record<string, number>> {
  const path = join(mkdtempSync(join(tmpdir(), 'bantam-fused-')), 'optimized.onnx')
  const options = { threads: 1, optimization: 'all' as const, optimizedPath: path }
  await (await openSession(serialize(model), options, model.directory ?? undefined)).close()
  return countOperators(await readModel(path))
}

/** Node counts by operator. */
export function countOperators(model: Model): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { opType } of model.graph.nodes) counts[opType] = (counts[opType] ?? 0) + 1
  return counts
}

/** Signal to noise ratio in dB of `values` against `reference`. */
export function sqnr(reference: ArrayLike<number>, values: ArrayLike<number>): number {
  let signal = 0
  let noise = 0
  for (let i = 0; i < reference.length; i++) {
    signal += (reference[i] as number) ** 2
    noise += ((reference[i] as number) - (values[i] as number)) ** 2
  }
  return 10 * Math.log10(signal / noise)
}
