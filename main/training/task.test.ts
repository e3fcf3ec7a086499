import { describe, expect, it } from 'vitest'
import type { TrainOptions } from '../../shared/training'
import type { Dataset } from '../data/dataset'
import { memoryDataset } from '../measure/testing'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import type { Model } from '../onnx/model'
import { makeTensor } from '../onnx/tensor'
import { answerOf, answersOf, hardPart, hardTask } from './task'
import { trainOptions } from './testing'
import { inspectProblem } from './testing-errors'

/** x [batch, 2] → Gemm → y [batch, width], with nodes behind it. */
function net(width: number, end?: string, type: 'float32' | 'float16' = 'float32'): Model {
  const last = end ? 'p' : 'y'
  return makeModel({
    nodes: [
      makeNode('Gemm', ['x', 'w'], ['y'], {}, { name: 'dense' }),
      ...(end ? [makeNode(end, ['y'], ['p'])] : []),
    ],
    inputs: [makeValue('x', type, ['batch', 2])],
    outputs: [makeValue(last, type, ['batch', width])],
    initializers: [makeTensor('w', type, [2, width], new Float32Array(2 * width).fill(0.5))],
    opset: 17,
  })
}

function data(labels: number[], task: 'classification' | 'regression', classes: string[] = []): Dataset {
  return memoryDataset({
    inputs: { x: { shape: [2], values: new Float32Array(2 * labels.length) } },
    labels,
    task,
    classes,
  })
}

const samples = (dataset: Dataset) => ({ dataset, indices: dataset.indices('all') })
const three = data([0, 1, 2, 2], 'classification', ['a', 'b', 'c'])
const two = data([0, 1], 'classification', ['a', 'b'])
const numbers = data([0.5, 2], 'regression')

async function task(width: number, dataset: Dataset, o: Partial<TrainOptions> = {}, end?: string) {
  return hardTask(await answerOf(net(width, end)), samples(dataset), trainOptions(o))
}

describe('the answer of a net', () => {
  it('is its first output of real numbers, read before a softmax or sigmoid', async () => {
    expect(await answerOf(net(3))).toMatchObject({ output: 'y', logits: 'y', kind: 'value', width: 3 })
    expect(await answerOf(net(3, 'Softmax'))).toMatchObject({ output: 'p', logits: 'y', kind: 'logits' })
    expect(await answerOf(net(1, 'Sigmoid'))).toMatchObject({ logits: 'y', kind: 'binary-logit', width: 1 })
  })

  it('is told of all outputs, those of other types left out', async () => {
    const several = net(3)
    several.graph.add(makeNode('ArgMax', ['y'], ['class'], { axis: 1n }))
    several.graph.add(makeNode('ReduceMax', ['y'], ['top'], { axes: [1n], keepdims: 0n }))
    several.graph.proto.output.unshift(makeValue('class', 'int64', ['batch', 1]))
    several.graph.proto.output.push(makeValue('top', 'float32', ['batch']))
    expect((await answersOf(several)).map(a => [a.output, a.width])).toEqual([
      ['y', 3],
      ['top', 1],
    ])
  })

  it('is refused where no output holds float32', async () => {
    expect(await inspectProblem(answerOf(net(3, undefined, 'float16')))).toEqual({
      code: 'unsupported',
      message: 'The model has no output of float32 numbers to learn by.',
      where: 'y',
      action: 'Convert the model to float32.',
    })
  })
})

describe('the task', () => {
  it.each([
    ['classes', 3, three, {}, 'cross-entropy', 'class', 'accuracy'],
    ['classes with mixup', 3, three, { mixup: 0.2 }, 'cross-entropy', 'probabilities', 'accuracy'],
    ['classes by squares', 3, three, { loss: 'mse' as const }, 'mse', 'probabilities', 'accuracy'],
    ['two classes in one logit', 1, two, {}, 'binary-cross-entropy', 'value', 'accuracy'],
    ['two classes in two', 2, two, {}, 'cross-entropy', 'class', 'accuracy'],
    ['numbers', 1, numbers, {}, 'mse', 'value', 'rmse'],
    ['numbers by Huber', 1, numbers, { loss: 'huber' as const }, 'huber', 'value', 'rmse'],
  ])('of %s', async (_, width, dataset, options, kind, labels, metric) => {
    expect(await task(width, dataset, options)).toMatchObject({ loss: { kind }, labels, metric })
  })

  it('weighs rare classes as much as frequent ones, with mean 1 over the samples', async () => {
    const { loss } = await task(4, three, { classWeights: 'balanced', labelSmoothing: 0.1 })
    expect(loss).toMatchObject({ smoothing: 0.1, classWeights: [4 / 3, 4 / 3, 2 / 3, 0] })
  })

  it('hands the loss of indices or probabilities on', async () => {
    const answer = await answerOf(net(3))
    const options = trainOptions({})
    expect(hardPart(answer, hardTask(answer, samples(three), options))).toMatchObject({
      of: 'y',
      labels: 'index',
    })
    const mixed = hardTask(answer, samples(three), trainOptions({ mixup: 1 }))
    expect(hardPart(answer, mixed)).toMatchObject({ labels: 'probabilities' })
    expect(hardPart(answer, hardTask(answer, samples(three), trainOptions({ loss: 'mse' }))).labels).toBe(
      undefined,
    )
  })

  it.each([
    [
      'more classes than answers',
      () => task(2, three),
      'bad-data',
      'The labels are of 3 classes, but the answer y [batch, 2] has 2.',
    ],
    [
      'three classes in one logit',
      () => task(1, three),
      'bad-data',
      'The labels are of 3 classes, but the answer y [batch, 1] has 2.',
    ],
    [
      'one target, several answers',
      () => task(3, numbers),
      'bad-data',
      'There is one target per sample, but the answer is y [batch, 3].',
    ],
    [
      'numbers with a loss of classes',
      () => task(1, numbers, { loss: 'cross-entropy' }),
      'bad-option',
      'The loss cross-entropy needs class labels, and these are numbers.',
    ],
    [
      'cross entropy of one logit',
      () => task(1, two, { loss: 'cross-entropy' }),
      'bad-option',
      'The loss cross-entropy needs two logits or more; y has one.',
    ],
  ])('refuses %s', async (_, run, code, message) => {
    expect(await inspectProblem(run())).toMatchObject({ code, message })
  })

  it('refuses labels for an answer that is a map', async () => {
    const map = makeModel({
      nodes: [makeNode('Conv', ['x', 'w'], ['y'])],
      inputs: [makeValue('x', 'float32', ['batch', 1, 4, 4])],
      outputs: [makeValue('y', 'float32', ['batch', 2, 4, 4])],
      initializers: [makeTensor('w', 'float32', [2, 1, 1, 1], new Float32Array(2))],
      opset: 17,
    })
    const run = async () => hardTask(await answerOf(map), samples(two), trainOptions({}))
    expect(await inspectProblem(run())).toMatchObject({
      code: 'bad-data',
      message: 'The labels are one per sample, but the answer y [batch, 2, 4, 4] is not.',
      action: 'Distil without labels (label weight 0), or train a model with one answer per sample.',
    })
  })
})
