/** Small models and data for the tests of this folder. */
import { writeFileSync } from 'node:fs'
import type { DatasetSummary } from '../../shared/domain'
import type { Batch, Dataset } from '../data/dataset'
import type { TaskContext } from '../jobs/context'
import { type ModelParts, makeModel, makeNode, makeValue } from '../onnx/build'
import { makeTensor } from '../onnx/tensor'
import { serialize } from '../onnx/write'
import { elementCount, type Tensor } from '../runtime/tensor'

/** A context that records stages and can be aborted. */
export function testContext(
  tempDir: string,
): TaskContext & { stages: string[]; fractions: number[]; abort(): void } {
  const controller = new AbortController()
  const stages: string[] = []
  const fractions: number[] = []
  return {
    stages,
    fractions,
    abort: () => controller.abort(),
    progress(fraction, stage) {
      stages.push(stage)
      fractions.push(fraction)
    },
    log() {},
    signal: controller.signal,
    tempDir,
  }
}

export function writeTestModel(path: string, parts: ModelParts): string {
  writeFileSync(path, serialize(makeModel(parts)))
  return path
}

/** float32 initializer with values from a formula. */
export function weights(name: string, dims: number[], value: (i: number) => number) {
  return makeTensor(
    name,
    'float32',
    dims,
    Float32Array.from({ length: elementCount(dims) }, (_, i) => value(i)),
  )
}

/** x [batch, width] → `layers` × (MatMul width×width, Relu) → y. */
export function denseModel(
  path: string,
  width: number,
  layers: number,
  batch: number | string = 'N',
): string {
  const value = (i: number) => Math.sin(i) / Math.sqrt(width)
  const names = Array.from({ length: layers }, (_, i) => i)
  return writeTestModel(path, {
    nodes: names.flatMap(i => [
      makeNode('MatMul', [i === 0 ? 'x' : `h${i - 1}`, `w${i}`], [`m${i}`], {}, { name: `matmul${i}` }),
      makeNode('Relu', [`m${i}`], [i === layers - 1 ? 'y' : `h${i}`], {}, { name: `relu${i}` }),
    ]),
    inputs: [makeValue('x', 'float32', [batch, width])],
    outputs: [makeValue('y', 'float32', [batch, width])],
    initializers: names.map(i => weights(`w${i}`, [width, width], value)),
  })
}

interface MemoryData {
  inputs: Record<string, { shape: number[]; values: Float32Array }>
  labels?: number[]
  task?: DatasetSummary['task']
  classes?: string[]
  hash?: string
}

/** A dataset held in memory; the test split is every sample. */
export function memoryDataset(data: MemoryData): Dataset & { largestBatch(): number } {
  const { inputs, labels, classes = [], task = 'none', hash = 'memory' } = data
  const [first] = Object.values(inputs)
  const count = first ? first.values.length / elementCount(first.shape) : 0
  let largest = 0
  const summary: DatasetSummary = {
    spec: { source: 'memory', inputs: {}, split: { seed: 0, train: 0, calibration: 0, test: 1 } },
    hash,
    format: 'npz',
    count,
    inputs: Object.entries(inputs).map(([name, { shape }]) => ({ name, type: 'float32', shape })),
    task,
    classes,
    classCounts: classes.map((_, c) => (labels ?? []).filter(l => l === c).length),
    splits: { train: 0, calibration: 0, test: count },
    notes: [],
  }
  return {
    summary,
    largestBatch: () => largest,
    labels: indices => labels && Float64Array.from(indices, i => labels[i] ?? Number.NaN),
    async batch(indices): Promise<Batch> {
      const list = Array.from(indices)
      largest = Math.max(largest, list.length)
      const feed = ({ shape, values }: { shape: number[]; values: Float32Array }): Tensor => {
        const size = elementCount(shape)
        const out = new Float32Array(list.length * size)
        list.forEach((index, i) => {
          out.set(values.subarray(index * size, (index + 1) * size), i * size)
        })
        return { type: 'float32', dims: [list.length, ...shape], data: out }
      }
      return {
        feeds: Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, feed(input)])),
        ...(labels ? { labels: Float64Array.from(list, i => labels[i] ?? Number.NaN) } : {}),
      }
    },
    preview: () => Promise.reject(new Error('not needed')),
    picture: () => Promise.resolve(null),
    indices: () => Uint32Array.from({ length: count }, (_, i) => i),
    close: () => Promise.resolve(),
  }
}
