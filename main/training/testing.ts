/** What the tests of training share: a small net and data that it can learn. Imported by tests only. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Device, Plan } from '../../shared/domain'
import { DistillOptions, type TrainingRecord, TrainOptions } from '../../shared/training'
import type { Dataset } from '../data/dataset'
import { Random } from '../data/random'
import type { TaskContext } from '../jobs/context'
import { memoryDataset } from '../measure/testing'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import type { Model } from '../onnx/model'
import { makeTensor, tensorValues } from '../onnx/tensor'
import { toNumbers } from '../runtime/tensor'
import { fineTune } from './fine-tune'

/** Uniform in ±1/√fan-in. */
function weights(name: string, dims: number[], random: Random) {
  const count = dims.reduce((a, b) => a * b, 1)
  const bound = 1 / Math.sqrt(dims[0] ?? 1)
  return makeTensor(
    name,
    'float32',
    dims,
    Float32Array.from({ length: count }, () => bound * (2 * random.unit() - 1)),
  )
}

/** x [batch, 2] → dense, Relu, dense → logits [batch, 3]. */
export function spiralNet(width = 32, seed = 1, batch: number | string = 'batch'): Model {
  const random = new Random(seed)
  return makeModel({
    nodes: [
      makeNode('Gemm', ['x', 'w0', 'b0'], ['h0'], {}, { name: 'dense0' }),
      makeNode('Relu', ['h0'], ['r0'], {}, { name: 'relu0' }),
      makeNode('Gemm', ['r0', 'w1', 'b1'], ['h1'], {}, { name: 'dense1' }),
      makeNode('Relu', ['h1'], ['r1'], {}, { name: 'relu1' }),
      makeNode('Gemm', ['r1', 'w2', 'b2'], ['logits'], {}, { name: 'dense2' }),
    ],
    inputs: [makeValue('x', 'float32', [batch, 2])],
    outputs: [makeValue('logits', 'float32', [batch, 3])],
    initializers: [
      weights('w0', [2, width], random),
      weights('b0', [width], random),
      weights('w1', [width, width], random),
      weights('b1', [width], random),
      weights('w2', [width, 3], random),
      weights('b2', [3], random),
    ],
    opset: 17,
  })
}

/** Points on three arms of a spiral, with noise. */
export function spiral(
  count: number,
  o: { seed?: number; labelled?: boolean; classes?: number } = {},
): Dataset {
  const random = new Random(o.seed ?? 5)
  const values = new Float32Array(2 * count)
  const labels: number[] = []
  for (let i = 0; i < count; i++) {
    const label = i % 3
    const radius = random.unit()
    const angle = 3 * radius + (label * 2 * Math.PI) / 3 + 0.1 * (random.unit() - 0.5)
    values.set([radius * Math.cos(angle), radius * Math.sin(angle)], 2 * i)
    labels.push(label)
  }
  return memoryDataset({
    inputs: { x: { shape: [2], values } },
    ...(o.labelled === false
      ? {}
      : {
          labels,
          task: 'classification' as const,
          classes: ['a', 'b', 'c', 'd', 'e'].slice(0, o.classes ?? 3),
        }),
  })
}

export const trainOptions = (o: Partial<TrainOptions> = {}): TrainOptions => TrainOptions.parse(o)
export const distillOptions = (o: Partial<DistillOptions> = {}): DistillOptions => DistillOptions.parse(o)

/** A context that remembers, with a folder for checkpoints. */
export function trainingContext(o: { asked?: () => 'pause' | 'finish' | undefined } = {}) {
  const tempDir = mkdtempSync(join(tmpdir(), 'bantam-training-'))
  const keepDir = mkdtempSync(join(tmpdir(), 'bantam-kept-'))
  const records: TrainingRecord[] = []
  const controller = new AbortController()
  const context: TaskContext = {
    progress: () => undefined,
    log: () => undefined,
    signal: controller.signal,
    tempDir,
    keepDir,
    ...(o.asked ? { asked: o.asked } : {}),
    training: record => records.push(structuredClone(record)),
  }
  const clean = () => {
    for (const folder of [tempDir, keepDir]) rmSync(folder, { recursive: true, force: true })
  }
  return { context, records, controller, keepDir, clean }
}

/** Fine-tunes a spiral net through the technique's own plan and application. */
export async function fineTuned(
  o: Partial<TrainOptions>,
  run: { context: TaskContext; dataset?: Dataset; seed?: number; model?: Model; device?: Device },
): Promise<{ model: Model; record: TrainingRecord; plan: Plan }> {
  const { context, dataset = spiral(240), seed = 0, model = spiralNet(), device = 'cpu' } = run
  const training = { dataset, indices: dataset.indices('all') }
  const plan = await fineTune.plan({ model, training, seed, threads: 1, device }, trainOptions(o), context)
  let record: TrainingRecord | undefined
  const trained = await fineTune.apply(model, plan, {
    training,
    threads: 1,
    device,
    context,
    record: told => {
      record = told
    },
  })
  if (!record) throw new Error('no record')
  return { model: trained, record, plan }
}

/** All weights of a model in one array. */
export function allWeights(model: Model): number[] {
  return model.graph.proto.initializer.flatMap(t => [...toNumbers(tensorValues(t, model.directory))])
}
