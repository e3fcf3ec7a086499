import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Plan } from '../../shared/domain'
import type { DistillOptions, TrainingRecord } from '../../shared/training'
import type { Dataset } from '../data/dataset'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import type { Model } from '../onnx/model'
import { modelHash } from '../onnx/read'
import { makeTensor } from '../onnx/tensor'
import { serialize, writeModel } from '../onnx/write'
import type { ModelFile } from '../technique'
import {
  allWeights,
  distillOptions,
  fineTuned,
  spiral,
  spiralNet,
  trainingContext,
} from '../training/testing'
import { inspectProblem } from '../training/testing-errors'
import { distillStudent } from './distill'

let folder: string
let run: ReturnType<typeof trainingContext>
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-distill-'))
  run = trainingContext()
})
afterEach(() => {
  run.clean()
  rmSync(folder, { recursive: true, force: true })
})

async function file(model: Model, name: string): Promise<[string, ModelFile]> {
  const path = join(folder, name)
  await writeModel(model, path)
  return [name, { path, hash: await modelHash(path) }]
}

interface Given {
  teacher?: Model
  dataset?: Dataset
  models?: Record<string, ModelFile>
  seed?: number
}

async function distilled(o: Partial<DistillOptions>, given: Given = {}) {
  const { teacher = spiralNet(), dataset = spiral(240), models = {}, seed = 0 } = given
  const options = distillOptions({ student: 'slim:0.25', epochs: 2, batch: 16, ...o })
  const training = { dataset, indices: dataset.indices('all') }
  const { keepDir: _, ...context } = run.context
  const plan = await distillStudent.plan(
    { model: teacher, training, models, seed, threads: 1 },
    options,
    context,
  )
  let record: TrainingRecord | undefined
  const model = await distillStudent.apply(teacher, plan, {
    training,
    models,
    threads: 1,
    device: 'cpu',
    context,
    record: told => {
      record = told
    },
  })
  if (!record) throw new Error('no record')
  return { model, plan, record }
}

async function goodTeacher(): Promise<Model> {
  const { keepDir: _, ...context } = run.context
  const { model } = await fineTuned({ epochs: 40, batch: 16, learningRate: 0.01 }, { context })
  return model
}

describe('distillation', () => {
  it('teaches a student without labels what its teacher knows, and leaves the teacher alone', async () => {
    const teacher = await goodTeacher()
    const before = serialize(teacher)
    const dataset = spiral(240, { labelled: false })
    const { model, plan, record } = await distilled(
      { student: 'slim:0.5', epochs: 40, learningRate: 0.02 },
      { teacher, dataset },
    )
    expect(record.metric.name).toBe('agreement')
    expect(record.teacher).toBeNull()
    expect(record.best?.metric).toBeGreaterThan(0.9)
    expect(record.parts).toEqual(['kd'])
    expect(serialize(teacher)).toEqual(before)
    expect(allWeights(model).length).toBeLessThan(allWeights(teacher).length / 2.5)
    expect(model.graph.outputNames).toEqual(['logits'])
    expect(model.graph.proto.input.map(i => i.name)).toEqual(['x'])
    expect(plan.notes.map(n => n.code)).toContain('no-labels')
    expect(plan.decisions).toMatchObject({ losses: ['kd'], metric: 'agreement', student: { hash: null } })
  }, 60_000)

  it('takes the projectors of feature losses out of the result', async () => {
    const { model, record, plan } = await distilled({
      features: [
        { kind: 'hint', student: 'r1', teacher: 'r1', weight: 1 },
        { kind: 'similarity', student: 'r0', teacher: 'r0', weight: 1 },
      ],
    })
    expect(record.parts).toEqual(['labels', 'kd', 'hint r1 → r1', 'similarity r0 → r0'])
    expect(model.graph.proto.initializer.map(t => t.name).sort()).toEqual([
      'b0',
      'b1',
      'b2',
      'w0',
      'w1',
      'w2',
    ])
    expect(plan.decisions.trainableParameters).toBe(allWeights(model).length)
    expect(record.trainableParameters).toBe(allWeights(model).length)
    expect(model.graph.outputNames).toEqual(['logits'])
  })

  it('learns from several teachers alike', async () => {
    const models = Object.fromEntries([await file(spiralNet(16, 9), 'second.onnx')])
    const { record, plan } = await distilled({ teachers: ['second.onnx'] }, { models })
    expect(record.parts).toEqual(['labels', 'kd', 'kd'])
    expect(plan.decisions.teachers).toEqual([{ source: 'second.onnx', hash: models['second.onnx']?.hash }])
  })

  it('has a control that learns from labels alone', async () => {
    const { record, plan } = await distilled({ loss: 'none', init: 'random' })
    expect(record.parts).toEqual(['labels'])
    expect(record.metric.name).toBe('accuracy')
    expect(record.teacher).not.toBeNull()
    expect(plan.notes.map(n => n.code)).not.toContain('no-labels')
  })

  it('works with mixup and dkd, and does the same again', async () => {
    const options = { loss: 'dkd' as const, mixup: 0.3, labelWeight: 0.5 }
    const [a, b] = [await distilled(options), await distilled(options)]
    expect(allWeights(a.model)).toEqual(allWeights(b.model))
    const other = await distilled(options, { seed: 1 })
    expect(allWeights(other.model)).not.toEqual(allWeights(a.model))
  })

  it.each([
    ['a teacher that takes 8 samples at a time', 8, undefined],
    ['a student that does', 'batch', 8],
  ] as const)('works with %s', async (_, batch, studentBatch) => {
    const models: Record<string, ModelFile> = studentBatch
      ? Object.fromEntries([await file(spiralNet(8, 2, studentBatch), 's.onnx')])
      : {}
    const student = studentBatch ? 's.onnx' : 'slim:0.25'
    const { record, plan } = await distilled(
      { student, batch: 20 },
      { teacher: spiralNet(32, 1, batch), models },
    )
    expect(record.ended).toBe('done')
    expect(plan.decisions.stepsPerEpoch).toBe(record.stepsPerEpoch)
    expect(plan.decisions.samples).toBe(record.samples.train)
    expect(plan.decisions.batch).toBe(8)
  })
})

/** x [batch, 2] → Gemm → an output of another name or width. */
function other(name: string, width: number): Model {
  return makeModel({
    nodes: [makeNode('Gemm', ['x', 'w'], [name])],
    inputs: [makeValue('x', 'float32', ['batch', 2])],
    outputs: [makeValue(name, 'float32', ['batch', width])],
    initializers: [makeTensor('w', 'float32', [2, width], new Float32Array(2 * width).fill(0.1))],
    opset: 17,
  })
}

describe('distillation refuses', () => {
  it.each([
    ['another width', other('logits', 4), '[batch, 4]'],
    ['another name', other('answer', 3), 'answer'],
  ])('a student with other outputs: %s', async (_, model, told) => {
    const models = Object.fromEntries([await file(model, 's.onnx')])
    const problem = await inspectProblem(distilled({ student: 's.onnx' }, { models }))
    expect(problem).toMatchObject({ code: 'bad-option', where: 'student' })
    expect(problem.message).toMatch(/^The student .+; the teacher .+\. Both must take and give the same\.$/)
    expect(problem.message).toContain(told)
  })

  it('a further teacher with other outputs, naming it', async () => {
    const models = Object.fromEntries([await file(other('logits', 4), 't.onnx')])
    const problem = await inspectProblem(distilled({ teachers: ['t.onnx'] }, { models }))
    expect(problem).toMatchObject({ code: 'bad-option', where: 't.onnx', action: 'Choose another model.' })
    expect(problem.message).toMatch(/^A further teacher /)
  })

  it.each([
    [
      { student: 'none.onnx' },
      {
        code: 'not-found',
        message: 'There is no model none.onnx.',
        where: 'none.onnx',
        action: 'Name an ONNX file, or a shape such as slim:0.5 or depth:2.',
      },
    ],
    [{ teachers: ['none.onnx'] }, { code: 'not-found', message: 'There is no model none.onnx.' }],
    [
      { features: [{ kind: 'hint' as const, student: 'nope', teacher: 'r1', weight: 1 }] },
      {
        code: 'bad-option',
        message: 'The loss hint r1 → nope is of nope, which is not a value of the model with a known shape.',
      },
    ],
    [
      { features: [{ kind: 'hint' as const, student: 'r1', teacher: 'nope', weight: 1 }] },
      { code: 'bad-option' },
    ],
    [
      { freeze: ['*'] },
      { code: 'bad-option', message: 'All weights are frozen, so there is nothing to train.' },
    ],
  ])('%j', async (options, expected) => {
    expect(await inspectProblem(distilled(options))).toMatchObject(expected)
  })

  it('to learn from nothing', async () => {
    const dataset = spiral(60, { labelled: false })
    expect(await inspectProblem(distilled({ loss: 'none' }, { dataset }))).toEqual({
      code: 'bad-option',
      message: 'Nothing is left to learn from: no labels, no distillation loss.',
      where: 'loss',
      action: 'Choose a distillation loss, or data with labels.',
    })
  })

  it('to do without data, or with another student than planned', async () => {
    const plan = (training?: { dataset: Dataset; indices: Uint32Array }): Promise<Plan> =>
      distillStudent.plan(
        { model: spiralNet(), seed: 0, threads: 1, ...(training ? { training } : {}) },
        distillOptions({}),
        run.context,
      )
    expect(await inspectProblem(plan())).toMatchObject({
      code: 'bad-data',
      message: 'A student needs samples to learn from.',
    })
    const dataset = spiral(60)
    const training = { dataset, indices: dataset.indices('all') }
    const models = Object.fromEntries([await file(spiralNet(8, 2), 's.onnx')])
    const options = distillOptions({ student: 's.onnx' })
    const made = await distillStudent.plan(
      { model: spiralNet(), training, models, seed: 0, threads: 1 },
      options,
      run.context,
    )
    const changed = Object.fromEntries([await file(spiralNet(8, 3), 's.onnx')])
    const apply = distillStudent.apply(spiralNet(), made, {
      training,
      models: changed,
      threads: 1,
      device: 'cpu',
      context: run.context,
      record: () => undefined,
    })
    expect(await inspectProblem(apply)).toMatchObject({
      code: 'bad-option',
      message: 'A model is another one than when the plan was made.',
      where: 's.onnx',
      action: `Give the model whose hash is ${models['s.onnx']?.hash}.`,
    })
  })
})
