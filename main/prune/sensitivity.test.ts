import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DatasetSpec } from '../../shared/domain'
import type { PruneSensitivity } from '../../shared/prune'
import type { Dataset } from '../data/dataset'
import { openDataset } from '../data/open'
import { Random } from '../data/random'
import { sampleModelPath } from '../data/source'
import { memoryDataset } from '../measure/testing'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { modelInputs } from '../onnx/inputs'
import type { Model } from '../onnx/model'
import { readModel } from '../onnx/read'
import { makeTensor } from '../onnx/tensor'
import { elementCount } from '../runtime/tensor'
import { findStages } from '../structure/blocks'
import { findStructure } from '../structure/groups'
import { fixturePath, idle } from '../structure/testing'
import { trainingContext } from '../training/testing'
import { measureSensitivity, type SensitivityRequest } from './sensitivity'

const made = trainingContext()
const told: { fraction: number; stage: string }[] = []
const context = {
  ...made.context,
  progress: (fraction: number, stage: string) => told.push({ fraction, stage }),
}
let digits: Dataset
let teacher: Model

beforeAll(async () => {
  teacher = await readModel(sampleModelPath('digits'))
  digits = await openDataset(DatasetSpec.parse({ source: 'sample:digits#0:400' }), modelInputs(teacher))
})
afterAll(async () => {
  await digits.close()
  made.clean()
})

type Asked = Partial<SensitivityRequest> & { dataset?: Dataset }

function measure(model: Model, { dataset = digits, ...rest }: Asked = {}): Promise<PruneSensitivity> {
  const samples = { dataset, indices: dataset.indices('all').slice(0, 100) }
  return measureSensitivity(
    { model, keeps: [0.75, 0.5, 0.25], importance: 'l1', samples, seed: 1, threads: 1, ...rest },
    context,
  )
}

const draw = (random: Random, count: number) =>
  Float32Array.from({ length: count }, () => random.unit() - 0.5)

/** x [n, 6] → dense 8, Relu, dense `width`. */
function net(output: string, width: number, batch: number | string = 'n'): Model {
  const random = new Random(2)
  const weight = (name: string, ...dims: number[]) =>
    makeTensor(name, 'float32', dims, draw(random, elementCount(dims)))
  return makeModel({
    nodes: [
      makeNode('MatMul', ['x', 'a'], ['h'], {}, { name: 'first' }),
      makeNode('Relu', ['h'], ['r']),
      makeNode('MatMul', ['r', 'b'], [output], {}, { name: 'last' }),
    ],
    inputs: [makeValue('x', 'float32', [batch, 6])],
    outputs: [makeValue(output, 'float32', [batch, width])],
    initializers: [weight('a', 6, 8), weight('b', 8, width)],
  })
}

function points(o: { labels?: (i: number) => number; task?: 'regression' | 'classification' } = {}): Dataset {
  const { labels, task } = o
  return memoryDataset({
    inputs: { x: { shape: [6], values: draw(new Random(3), 600) } },
    ...(labels && task
      ? { labels: Array.from({ length: 100 }, (_, i) => labels(i)), task, classes: ['a', 'b', 'c'] }
      : {}),
  })
}

describe('sensitivity of a trained classifier', () => {
  it('is the loss of accuracy of every group alone, with intervals over the samples', async () => {
    const result = await measure(teacher)
    expect(result).toMatchObject({ metric: 'accuracy', samples: 100, importance: 'l1', declined: [] })
    expect(result.reference).toBeGreaterThan(0.95)
    expect(
      result.curves.map(({ id, kind, size, points: p }) => [id, kind, size, p.map(({ to }) => to)]),
    ).toEqual([
      ['conv1.weight_folded[0]', 'channels', 32, [24, 16, 8]],
      ['conv2.weight_folded[0]', 'channels', 64, [48, 32, 16]],
      ['dense1.weight[0]', 'ffn', 128, [96, 64, 32]],
    ])
    for (const { points, parameters, macs, nodes } of result.curves) {
      for (const { value, drop, keep } of points) {
        expect([0.75, 0.5, 0.25]).toContain(keep)
        expect(drop.value).toBeCloseTo(result.reference - value, 12)
        expect(drop.low).toBeLessThanOrEqual(drop.value)
        expect(drop.high).toBeGreaterThanOrEqual(drop.value)
        expect(drop.high).toBeGreaterThan(drop.low)
      }
      expect(points[2]?.drop.value).toBeGreaterThanOrEqual(points[0]?.drop.value ?? 1)
      for (const share of [parameters, macs]) expect(share > 0 && share <= 1).toBe(true)
      expect(nodes.length).toBe(1)
    }
    // A quarter of the first filters is not enough.
    expect(result.curves[0]?.points[2]?.drop.low).toBeGreaterThan(0)
    const fractions = told.map(({ fraction }) => fraction)
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b))
    expect(told.map(({ stage }) => stage)).toContain('Measuring dense1.weight[0] with 64 of 128')
  })

  it('is nothing for channels that do nothing, and the same every time', async () => {
    const structure = await findStructure(teacher)
    const id = 'dense1.weight[0]'
    const { model } = idle(structure, new Map([[id, Uint32Array.from({ length: 64 }, (_, i) => 2 * i)]]))
    const first = await measure(model, { groups: [id], keeps: [0.5, 0.505, 2] })
    expect(first.curves).toHaveLength(1)
    expect(first.curves[0]?.points).toHaveLength(2)
    for (const { drop, value } of first.curves[0]?.points ?? []) {
      expect(drop.value).toBe(0)
      expect([drop.low < 0, drop.high > 0]).toEqual([true, true])
      expect(value).toBe(first.reference)
    }
    const again = await measure(model, { groups: [id], keeps: [0.5, 0.505, 2] })
    expect({ ...again, seconds: 0 }).toEqual({ ...first, seconds: 0 })
  })
})

describe('metrics', () => {
  it('compares numbers with their labels by rmse', async () => {
    const dataset = points({ labels: i => i % 7, task: 'regression' })
    const result = await measure(net('y', 1), { dataset, keeps: [0.5] })
    const point = result.curves[0]?.points[0]
    expect(result.metric).toBe('rmse')
    expect(point?.drop.value).toBeCloseTo((point?.value ?? 0) - result.reference, 12)
    expect(point?.drop.low).toBeLessThan(point?.drop.high ?? 0)
  })

  it('compares with the model itself without labels: choices where they are scores, else distances', async () => {
    const scores = await measure(net('logits', 3), { dataset: points(), keeps: [0.75, 0.25] })
    expect([scores.metric, scores.reference]).toEqual(['agreement', 1])
    expect(scores.curves[0]?.points.every(({ drop }) => drop.low >= 0)).toBe(true)
    const numbers = await measure(net('y', 3), { dataset: points(), keeps: [0.75, 0.25] })
    expect([numbers.metric, numbers.reference]).toEqual(['distance', 0])
    for (const { curves } of [scores, numbers]) {
      const [some, most] = curves[0]?.points ?? []
      expect(most?.drop.value).toBeGreaterThan(some?.drop.value ?? 1)
      expect(most?.drop.low).toBeGreaterThan(0)
    }
    expect(numbers.curves[0]?.points[0]?.value).toBe(numbers.curves[0]?.points[0]?.drop.value)
    expect(scores.curves[0]?.points[0]?.value).toBeCloseTo(
      1 - (scores.curves[0]?.points[0]?.drop.value ?? 0),
      12,
    )
  })
})

it('gives the same for a model that takes a number of samples of its own', async () => {
  const free = await measure(net('y', 3), { dataset: points(), importance: 'l2' })
  const fixed = await measure(net('y', 3, 8), { dataset: points(), importance: 'l2' })
  free.curves[0]?.points.forEach(({ to, drop }, i) => {
    expect(fixed.curves[0]?.points[i]?.to).toBe(to)
    expect(fixed.curves[0]?.points[i]?.drop.value).toBeCloseTo(drop.value, 6)
  })
  expect(fixed.samples).toBe(100)
  const scored = await measure(net('y', 3, 8), { dataset: points(), importance: 'taylor' })
  expect(scored.declined).toEqual([])
})

it('removes every block alone', async () => {
  const model = await readModel(fixturePath('vit.dynamo.onnx'))
  const structure = await findStructure(model)
  const [[name, shape] = ['', []]] = structure.sized.inputs
  const size = elementCount(shape.slice(1))
  const dataset = memoryDataset({
    inputs: { [name]: { shape: shape.slice(1), values: draw(new Random(5), 6 * size) } },
  })
  const result = await measure(model, { dataset, groups: [], keeps: [] })
  const blocks = findStages(structure).flatMap(stage => stage.blocks.filter(block => block.removable))
  expect(blocks.length).toBeGreaterThan(1)
  expect(result.curves.map(({ id, kind }) => [id, kind])).toEqual(blocks.map(({ node }) => [node, 'blocks']))
  for (const { points, size: of, macs } of result.curves) {
    expect(points).toHaveLength(1)
    expect([points[0]?.to, points[0]?.keep]).toEqual([of - 1, (of - 1) / of])
    expect(points[0]?.drop.value).toBeGreaterThan(0)
    expect(macs).toBeGreaterThan(0.05)
  }
})

describe('refusals', () => {
  it('names groups that are not there or fixed, and asks for shares and samples', async () => {
    await expect(measure(teacher, { groups: ['nothing[0]'] })).rejects.toThrow(
      'There is no group of channels nothing[0] that can be reduced.',
    )
    await expect(measure(teacher, { groups: ['logits.weight[0]'] })).rejects.toThrow(
      'The channels of logits.weight[0] cannot be reduced: It reaches the output logits.',
    )
    await expect(measure(teacher, { keeps: [1] })).rejects.toThrow(
      'There is no share of channels to keep between 0 and 1.',
    )
    const none = { dataset: digits, indices: new Uint32Array() }
    await expect(measure(teacher, { samples: none })).rejects.toMatchObject({ code: 'bad-data' })
  })

  it('stops between runs when it is cancelled', async () => {
    const controller = new AbortController()
    const samples = { dataset: digits, indices: digits.indices('all').slice(0, 40) }
    const stopped = measureSensitivity(
      { model: teacher, keeps: [0.5], importance: 'l2', samples, seed: 1, threads: 1 },
      {
        ...made.context,
        signal: controller.signal,
        progress: (_, stage) => stage.startsWith('Measuring conv1') && controller.abort(),
      },
    )
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' })
  })
})
