import { rmSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import type { TrainOptions } from '../../shared/training'
import type { Dataset } from '../data/dataset'
import { Random } from '../data/random'
import { memoryDataset } from '../measure/testing'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import type { Model } from '../onnx/model'
import { makeTensor, tensorValues } from '../onnx/tensor'
import { type Tensor, toNumbers } from '../runtime/tensor'
import { type StepRequest, TrainingStep } from './step'
import { allWeights, fineTuned, trainingContext } from './testing'

const opened: { close?(): Promise<void>; clean?(): void }[] = []
afterEach(async () => {
  for (const one of opened.splice(0)) {
    await one.close?.()
    one.clean?.()
  }
})

async function open(model: Model, wrt: string[], o: Partial<StepRequest> = {}): Promise<TrainingStep> {
  const step = await TrainingStep.open({
    model,
    loss: 'loss',
    parts: [],
    wrt,
    optimizer: { kind: 'sgd' },
    shapes: {},
    frozenStatistics: false,
    scaled: false,
    device: 'cpu',
    threads: 1,
    ...o,
  })
  opened.push(step)
  return step
}

const floats = (dims: number[], data: ArrayLike<number>): Tensor => ({
  type: 'float32',
  dims,
  data: Float32Array.from(data),
})

describe('dropout', () => {
  const RATIO = 0.25
  /** loss = mean(dropout(x·w)): with x = 1 the gradient of w counts the elements that were kept. */
  const net = makeModel({
    nodes: [
      makeNode('Mul', ['x', 'w'], ['h']),
      makeNode('Dropout', ['h', 'ratio'], ['d']),
      makeNode('ReduceMean', ['d'], ['loss'], { keepdims: 0n }),
    ],
    inputs: [makeValue('x', 'float32', ['batch', 8])],
    outputs: [makeValue('loss', 'float32', [])],
    initializers: [
      makeTensor('w', 'float32', [8], new Float32Array(8).fill(1)),
      makeTensor('ratio', 'float32', [], [RATIO]),
    ],
    opset: 17,
  })
  const ones = (batch: number) => ({ x: floats([batch, 8], new Float32Array(8 * batch).fill(1)) })

  it('drops its share and scales what stays, another part for every draw, in batches of any size', async () => {
    const step = await open(net, ['w'])
    const kept = async (batch: number, seed: number) => {
      const { loss } = await step.gradients(ones(batch), new Random(seed))
      const counts = Array.from(step.optimizer.gradients('w'), g => g * 8 * batch * (1 - RATIO))
      expect(loss).toBeCloseTo(counts.reduce((s, n) => s + n, 0) / (8 * batch) / (1 - RATIO), 5)
      for (const n of counts) expect(n).toBeCloseTo(Math.round(n), 3)
      return counts.map(Math.round)
    }
    const first = await kept(400, 1)
    const share = first.reduce((s, n) => s + n, 0) / 3200
    expect(Math.abs(share - (1 - RATIO))).toBeLessThan(0.03)
    expect(await kept(400, 1)).toEqual(first)
    expect(await kept(400, 2)).not.toEqual(first)
    await kept(3, 1)
  })
})

/** x [batch, 2, 2, 2] → batch normalization → loss = mean(y²). */
const normalized = makeModel({
  nodes: [
    makeNode('BatchNormalization', ['x', 'scale', 'bias', 'mean', 'var'], ['y'], {
      momentum: 0.8,
      epsilon: 1e-5,
    }),
    makeNode('Mul', ['y', 'y'], ['yy']),
    makeNode('ReduceMean', ['yy'], ['loss'], { keepdims: 0n }),
  ],
  inputs: [makeValue('x', 'float32', ['batch', 2, 2, 2])],
  outputs: [makeValue('loss', 'float32', [])],
  initializers: [
    makeTensor('scale', 'float32', [2], [1, 1]),
    makeTensor('bias', 'float32', [2], [0, 0]),
    makeTensor('mean', 'float32', [2], [0.5, -1]),
    makeTensor('var', 'float32', [2], [1, 4]),
  ],
  opset: 17,
})

describe('batch normalization', () => {
  const random = new Random(3)
  const values = Float32Array.from({ length: 5 * 8 }, (_, i) => random.unit() * 4 + ((i >> 2) % 2) * 10)
  const x = floats([5, 2, 2, 2], values)
  const channel = (c: number) => Array.from(values).filter((_, i) => (i >> 2) % 2 === c)
  const mean = (list: number[]) => list.reduce((s, v) => s + v, 0) / list.length

  it('normalizes by the batch, and moves its statistics towards the batch’s', async () => {
    const step = await open(normalized, ['scale', 'bias'])
    const { loss } = await step.gradients({ x }, new Random(0))
    expect(loss).toBeCloseTo(1, 3)
    const read = (name: string) => Array.from(step.statistics.get(name) ?? [])
    const means = [0, 1].map(c => 0.8 * (c === 0 ? 0.5 : -1) + 0.2 * mean(channel(c)))
    read('mean').forEach((v, c) => {
      expect(v).toBeCloseTo(means[c] ?? 0, 4)
    })
    // ONNX takes the variance over n, PyTorch over n − 1: both are near.
    read('var').forEach((v, c) => {
      const m = mean(channel(c))
      const variance = mean(channel(c).map(value => (value - m) ** 2))
      const moved = (v - 0.8 * (c === 0 ? 1 : 4)) / 0.2
      expect(moved / variance).toBeGreaterThan(0.999)
      expect(moved / variance).toBeLessThan(20 / 19 + 0.001)
    })
  })

  it('keeps its statistics where they are frozen, and normalizes by them', async () => {
    const step = await open(normalized, ['scale', 'bias'], { frozenStatistics: true })
    const { loss } = await step.gradients({ x }, new Random(0))
    expect(step.statistics.size).toBe(0)
    const y = Array.from(values, (v, i) => {
      const c = (i >> 2) % 2
      return ((v - (c === 0 ? 0.5 : -1)) / Math.sqrt((c === 0 ? 1 : 4) + 1e-5)) ** 2
    })
    expect(loss).toBeCloseTo(mean(y), 3)
  })
})

/** Pictures [1, 4, 4] with a bright row or column. */
function stripes(): Dataset {
  const random = new Random(9)
  const labels = Array.from({ length: 80 }, (_, i) => i % 2)
  const values = Float32Array.from({ length: 80 * 16 }, (_, i) => {
    const [n, y, x] = [Math.floor(i / 16), Math.floor(i / 4) % 4, i % 4]
    return 5 + random.unit() + ((labels[n] === 0 ? y : x) === n % 4 ? 3 : 0)
  })
  return memoryDataset({
    inputs: { x: { shape: [1, 4, 4], values } },
    labels,
    task: 'classification',
    classes: ['row', 'column'],
  })
}

function convNet(): Model {
  const random = new Random(4)
  const weights = (name: string, dims: number[]) =>
    makeTensor(
      name,
      'float32',
      dims,
      Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => random.unit() - 0.5),
    )
  const constant = (name: string, value: number) =>
    makeTensor(name, 'float32', [6], new Float32Array(6).fill(value))
  return makeModel({
    nodes: [
      makeNode('Conv', ['x', 'k'], ['c'], { pads: [1n, 1n, 1n, 1n] }),
      makeNode('BatchNormalization', ['c', 'scale', 'bias', 'mean', 'var'], ['n']),
      makeNode('Relu', ['n'], ['r']),
      makeNode('Flatten', ['r'], ['f']),
      makeNode('Gemm', ['f', 'w', 'b'], ['logits']),
    ],
    inputs: [makeValue('x', 'float32', ['batch', 1, 4, 4])],
    outputs: [makeValue('logits', 'float32', ['batch', 2])],
    initializers: [
      weights('k', [6, 1, 3, 3]),
      constant('scale', 1),
      constant('bias', 0),
      constant('mean', 0),
      constant('var', 1),
      weights('w', [96, 2]),
      makeTensor('b', 'float32', [2], [0, 0]),
    ],
    opset: 17,
  })
}

async function trained(o: Partial<TrainOptions>, model = convNet(), dataset = stripes()) {
  const run = trainingContext()
  opened.push(run)
  rmSync(run.keepDir, { recursive: true, force: true })
  const { keepDir: _, ...context } = run.context
  return fineTuned({ epochs: 15, batch: 16, learningRate: 0.01, ...o }, { context, model, dataset })
}

const initializer = (model: Model, name: string) => {
  const tensor = model.graph.initializer(name)
  return tensor ? Array.from(toNumbers(tensorValues(tensor, null))) : []
}

describe('statistics in the result', () => {
  it('are those that were learnt, and the model is still in inference form', async () => {
    const { model, record } = await trained({})
    expect(record.best?.metric).toBeGreaterThan(0.9)
    expect(initializer(model, 'mean').every(v => v !== 0)).toBe(true)
    expect(initializer(model, 'var').every(v => v > 0 && v !== 1)).toBe(true)
    const node = model.graph.nodes.find(n => n.opType === 'BatchNormalization')
    expect(node?.output).toHaveLength(1)
    expect(node?.attribute.map(a => a.name)).not.toContain('training_mode')
  })

  it('are the old ones where they are frozen', async () => {
    const { model, record } = await trained({ batchNorm: 'freeze' })
    expect(record.ended).toBe('done')
    expect(initializer(model, 'mean')).toEqual([0, 0, 0, 0, 0, 0])
    expect(initializer(model, 'var')).toEqual([1, 1, 1, 1, 1, 1])
    expect(initializer(model, 'k')).not.toEqual(initializer(convNet(), 'k'))
  })
})

describe('a loss scale', () => {
  /** y = x·w with x ≈ 10¹⁷: the loss is 10³⁴, its gradient times 2²⁴ no float32. */
  const net = makeModel({
    nodes: [makeNode('Gemm', ['x', 'w'], ['y'])],
    inputs: [makeValue('x', 'float32', ['batch', 1])],
    outputs: [makeValue('y', 'float32', ['batch', 1])],
    initializers: [makeTensor('w', 'float32', [1, 1], [1])],
    opset: 17,
  })
  const huge = memoryDataset({
    inputs: {
      x: { shape: [1], values: Float32Array.from({ length: 200 }, (_, i) => 1e17 * (1 + (i % 5) / 10)) },
    },
    labels: Array.from({ length: 200 }, () => 0),
    task: 'regression',
  })

  it('is halved when gradients overflow, the step being left out, until they do not', async () => {
    const options = { epochs: 2, batch: 4, validation: 0, lossScale: 2 ** 24, clip: 0, learningRate: 0.01 }
    const { model, record } = await trained(options, net, huge)
    expect(record.ended).toBe('done')
    const skipped = record.totalEpochs * record.stepsPerEpoch - record.points.length
    expect(skipped).toBeGreaterThan(3)
    expect(skipped).toBeLessThan(24)
    expect(record.points.every(p => Number.isFinite(p.gradientNorm) && Number.isFinite(p.loss))).toBe(true)
    const [w = 0] = allWeights(model)
    expect(w).toBeLessThan(1)
    expect(Number.isFinite(w)).toBe(true)
  })

  it('changes nothing where nothing overflows', async () => {
    const plain = await trained({ epochs: 2 })
    const scaled = await trained({ epochs: 2, lossScale: 1024 })
    const [a, b] = [allWeights(plain.model), allWeights(scaled.model)]
    expect(Math.max(...a.map((v, i) => Math.abs(v - (b[i] ?? 0))))).toBeLessThan(1e-5)
  })
})
