import { describe, expect, it } from 'vitest'
import type { DistillOptions } from '../../shared/training'
import type { Dataset } from '../data/dataset'
import { memoryDataset } from '../measure/testing'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import type { Model } from '../onnx/model'
import { makeTensor } from '../onnx/tensor'
import { distillOptions } from '../training/testing'
import { inspectProblem } from '../training/testing-errors'
import { studentTask } from './objective'

const weight = (dims: number[], name = 'w') =>
  makeTensor(name, 'float32', dims, new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(0.3))

function net(width: number, o: { end?: string; second?: boolean } = {}): Model {
  const { end, second } = o
  return makeModel({
    nodes: [
      makeNode('Gemm', ['x', 'w'], ['y']),
      ...(end ? [makeNode(end, ['y'], ['p'])] : []),
      ...(second ? [makeNode('Gemm', ['x', 'v'], ['z'])] : []),
    ],
    inputs: [makeValue('x', 'float32', ['batch', 2])],
    outputs: [
      makeValue(end ? 'p' : 'y', 'float32', ['batch', width]),
      ...(second ? [makeValue('z', 'float32', ['batch', 2])] : []),
    ],
    initializers: [weight([2, width]), ...(second ? [weight([2, 2], 'v')] : [])],
    opset: 17,
  })
}

/** x [batch, 1, 4, 4] → a map of 3 classes. */
function mapNet(): Model {
  return makeModel({
    nodes: [makeNode('Conv', ['x', 'w'], ['y'])],
    inputs: [makeValue('x', 'float32', ['batch', 1, 4, 4])],
    outputs: [makeValue('y', 'float32', ['batch', 3, 4, 4])],
    initializers: [weight([3, 1, 1, 1])],
    opset: 17,
  })
}

function data(task: 'none' | 'classification' | 'regression', classes = 3, shape = [2]): Dataset {
  const values = new Float32Array(6 * shape.reduce((a, b) => a * b, 1))
  const labels = Array.from({ length: 6 }, (_, i) => (task === 'regression' ? i / 2 : i % classes))
  return memoryDataset({
    inputs: { x: { shape, values } },
    ...(task === 'none'
      ? {}
      : { labels, task, classes: ['a', 'b', 'c'].slice(0, task === 'regression' ? 0 : classes) }),
  })
}

function taskOf(
  model: Model,
  dataset: Dataset,
  o: Partial<DistillOptions> = {},
  teachers: Model[] = [model],
) {
  const samples = { dataset, indices: dataset.indices('all') }
  return studentTask(model, teachers, samples, distillOptions(o), 0)
}

describe('what a student minimises', () => {
  it('is labels and softened answers, in the shares that were asked for', async () => {
    const { objective, metric, logits, notes } = await taskOf(
      net(3, { end: 'Softmax' }),
      data('classification'),
    )
    expect(objective.parts.map(p => p.title)).toEqual(['labels', 'kd'])
    expect(objective.labels.map(l => [l.form, l.width])).toEqual([['class', 3]])
    expect(objective.targets.map(t => [t.teacher, t.value])).toEqual([[0, 'y']])
    expect([metric, logits, notes]).toEqual(['accuracy', { student: 'y', teacher: 'y' }, []])
  })

  it('is the answers alone without labels, and says so', async () => {
    const { objective, metric, notes } = await taskOf(net(3), data('none'))
    expect(objective.parts.map(p => p.title)).toEqual(['kd'])
    expect(objective.labels).toEqual([])
    expect(metric).toBe('agreement')
    expect(notes.map(n => [n.code, n.message])).toEqual([
      ['no-labels', 'The data has no labels: the student learns from its teacher alone.'],
    ])
  })

  it('is squared differences for numbers, by the error of targets', async () => {
    const { objective, metric, notes } = await taskOf(net(1), data('regression'))
    expect(objective.parts.map(p => p.title)).toEqual(['labels', 'logits-mse'])
    expect(objective.labels.map(l => l.form)).toEqual(['value'])
    expect(metric).toBe('rmse')
    expect(notes.map(n => n.message)).toEqual([
      'y holds numbers, not classes: they are compared by their squared difference.',
    ])
    const unlabelled = await taskOf(net(1), data('none'))
    expect([unlabelled.metric, unlabelled.objective.parts[0]?.title]).toEqual(['distance', 'logits-mse'])
  })

  it('is one logit’s binary loss', async () => {
    const { objective, metric } = await taskOf(net(1, { end: 'Sigmoid' }), data('classification', 2))
    expect(objective.parts.map(p => p.title)).toEqual(['labels', 'kd'])
    expect(objective.labels.map(l => l.form)).toEqual(['value'])
    expect(metric).toBe('accuracy')
  })

  it('is every output, labels being for the first, and every teacher', async () => {
    const both = net(3, { second: true })
    const { objective } = await taskOf(both, data('classification'), {}, [both, both])
    expect(objective.parts.map(p => p.title)).toEqual(['labels', 'kd', 'kd', 'kd', 'kd'])
    expect(objective.targets.map(t => [t.teacher, t.value])).toEqual([
      [0, 'y'],
      [1, 'y'],
      [0, 'z'],
      [1, 'z'],
    ])
    expect(new Set(objective.targets.map(t => t.input)).size).toBe(4)
  })

  it('is a map of answers: numbers, or classes on the second axis where the data or a softmax says so', async () => {
    const plain = await taskOf(mapNet(), data('none', 3, [1, 4, 4]))
    expect(plain.objective.parts.map(p => p.title)).toEqual(['logits-mse'])
    const ended = mapNet()
    ended.graph.add(makeNode('Softmax', ['y'], ['p'], { axis: 1n }))
    ended.graph.proto.output = [makeValue('p', 'float32', ['batch', 3, 4, 4])]
    const classes = await taskOf(ended, data('none', 3, [1, 4, 4]))
    expect(classes.objective.parts.map(p => p.title)).toEqual(['kd'])
    // Agreement is counted over the last axis, and theirs is the second.
    expect([plain.metric, classes.metric]).toEqual(['distance', 'distance'])
  })

  it('is labels alone in the control run, the answers alone without weight for labels', async () => {
    const control = await taskOf(net(3), data('classification'), { loss: 'none' })
    expect(control.objective.parts.map(p => p.title)).toEqual(['labels'])
    expect(control.objective.targets).toEqual([])
    const soft = await taskOf(net(3), data('classification'), { labelWeight: 0 })
    expect(soft.objective.parts.map(p => p.title)).toEqual(['kd'])
    expect(soft.metric).toBe('accuracy')
    const hard = await taskOf(net(3), data('classification'), { labelWeight: 1 })
    expect(hard.objective.parts.map(p => p.title)).toEqual(['labels'])
  })

  it('takes labels for dkd as well, as probabilities under mixup', async () => {
    const plain = await taskOf(net(3), data('classification'), { loss: 'dkd', labelWeight: 0 })
    expect(plain.objective.labels.map(l => l.form)).toEqual(['class'])
    const mixed = await taskOf(net(3), data('classification'), { loss: 'dkd', mixup: 0.2 })
    expect(mixed.objective.labels.map(l => l.form)).toEqual(['probabilities', 'probabilities'])
  })
})

describe('a student refuses', () => {
  it('dkd without labels', async () => {
    expect(await inspectProblem(taskOf(net(3), data('none'), { loss: 'dkd' }))).toMatchObject({
      code: 'bad-option',
      message: expect.stringMatching(/^The loss dkd /),
    })
  })

  it('dkd of one logit', async () => {
    const run = taskOf(net(1, { end: 'Sigmoid' }), data('classification', 2), { loss: 'dkd' })
    expect(await inspectProblem(run)).toMatchObject({
      code: 'bad-option',
      message: expect.stringMatching(/^The loss dkd needs at least two classes/),
      action: 'Choose kd.',
    })
  })

  it('a teacher without one of its outputs', async () => {
    const run = taskOf(net(3, { second: true }), data('classification'), {}, [net(3)])
    expect(await inspectProblem(run)).toEqual({
      code: 'bad-option',
      message: 'Teacher 1 has no output z.',
      where: 'teachers',
      action: 'Teachers and student must have the same outputs.',
    })
  })

  it('labels for a map of answers, but not where they have no weight', async () => {
    const dataset = data('classification', 3, [1, 4, 4])
    expect(await inspectProblem(taskOf(mapNet(), dataset))).toMatchObject({
      code: 'bad-data',
      message: 'The labels are one per sample, but the answer y [batch, 3, 4, 4] is not.',
    })
    const { metric, objective } = await taskOf(mapNet(), dataset, { labelWeight: 0 })
    expect([metric, objective.parts[0]?.title]).toEqual(['distance', 'kd'])
  })
})
