import { beforeAll, describe, expect, it } from 'vitest'
import type { Plan } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { TrainingRecord } from '../../shared/training'
import type { Dataset } from '../data/dataset'
import type { TaskContext } from '../jobs/context'
import { makeNode } from '../onnx/build'
import { checkModel } from '../onnx/check'
import { copyModel } from '../onnx/copy'
import type { Model } from '../onnx/model'
import { makeTensor, tensorDims, tensorValues } from '../onnx/tensor'
import { serialize } from '../onnx/write'
import { StaticOptions } from '../quantize/static/options'
import { staticInt8 } from '../quantize/static-int8'
import { countOperators, testContext } from '../quantize/testing'
import { toNumbers } from '../runtime/tensor'
import { divide } from '../training/division'
import { epochOrder } from '../training/order'
import { fineTuned, spiral, spiralNet, trainingContext } from '../training/testing'
import { adviseQat } from './advice'
import { QatDecisions, QatOptions } from './options'
import { quantizeQat } from './qat'
import { answers } from './testing'

const data = spiral(480)
const test = spiral(300, { seed: 77 })
/** One scale per tensor for weights too, so that the broken channels hurt; U8U8 cannot saturate anywhere. */
const HARD = { perChannel: false, format: 'U8U8' as const, equalize: false, batch: 40 }

/** Trained, then some channels made large and their readers small: the same answers, no longer fit for int8. */
async function brokenNet(): Promise<Model> {
  const { context, clean } = trainingContext()
  const { model } = await fineTuned(
    { epochs: 60, learningRate: 0.03, batch: 40 },
    { context, dataset: data, model: spiralNet(24) },
  )
  clean()
  const scale = (name: string, factor: (i: number) => number) => {
    const tensor = model.graph.initializer(name)
    if (!tensor) throw new Error(`no ${name}`)
    const values = toNumbers(tensorValues(tensor, model.directory))
    const scaled = Float32Array.from(values, (v: number, i: number) => v * factor(i))
    model.graph.setInitializer(makeTensor(name, 'float32', tensorDims(tensor), scaled))
  }
  const factor = (c: number) => (c % 6 === 0 ? 150 : 1)
  scale('w0', i => factor(i % 24))
  scale('b0', factor)
  scale('w1', i => 1 / factor(Math.floor(i / 24)))
  return model
}

async function accuracy(model: Model, dataset = test, indices = dataset.indices('all')): Promise<number> {
  const { feeds, labels } = await dataset.batch(indices)
  const values = await answers(model, feeds, 'all')
  const right = [...indices].filter((_, i) => {
    const row = values.subarray(3 * i, 3 * i + 3)
    return row.indexOf(Math.max(...row)) === labels?.[i]
  })
  return right.length / indices.length
}

interface Made {
  result: Model
  plan: Plan
  record: TrainingRecord
}

async function qat(
  model: Model,
  options: Partial<QatOptions>,
  o: { dataset?: Dataset; context?: TaskContext; plan?: Plan; seed?: number } = {},
): Promise<Made> {
  const { context: own, clean } = trainingContext()
  const { dataset = data, context = own } = o
  const samples = { dataset, indices: dataset.indices('all') }
  const learning = { training: samples, threads: 1, device: 'cpu' as const }
  const parsed = QatOptions.parse({ ...HARD, ...options })
  const input = { model, calibration: samples, seed: o.seed ?? 0, ...learning }
  try {
    const plan = o.plan ?? (await quantizeQat.plan(input, parsed, context))
    let record: TrainingRecord | undefined
    const result = await quantizeQat.apply(model, plan, {
      ...learning,
      context,
      record: told => {
        record = told
      },
    })
    if (!record) throw new Error('no record')
    return { result, plan, record }
  } finally {
    clean()
  }
}

async function failure(promise: Promise<unknown>): Promise<BantamError> {
  const error = await promise.then(
    () => new Error('nothing was thrown'),
    (e: unknown) => e,
  )
  if (error instanceof BantamError) return error
  throw error
}

type About = Parameters<typeof adviseQat>[0]

let net: Model
beforeAll(async () => {
  net = await brokenNet()
})

const ptq = StaticOptions.parse({ perChannel: false, format: 'U8U8' })

describe('what int8 breaks, training with the rounding in place mends', () => {
  it.each(['distill', 'labels'] as const)('by %s', async learn => {
    const samples = { dataset: data, indices: data.indices('all') }
    const input = { model: net, calibration: samples, seed: 0, threads: 1 }
    const plan = await staticInt8.plan(input, ptq, testContext())
    const static8 = await staticInt8.apply(net, plan)
    const broken = await accuracy(static8)
    expect(await accuracy(net)).toBeGreaterThan(0.95)
    expect(broken).toBeLessThan(0.8)
    const { result, record } = await qat(net, { epochs: 16, learn, learningRate: 1e-3 })
    checkModel(result)
    expect(await accuracy(result)).toBeGreaterThan(broken + 0.1)
    expect(record.best?.epoch).toBeGreaterThan(0)
    // It began with what static int8 decided, and is written the same way.
    expect(countOperators(result)).toEqual(countOperators(static8))
    expect(serialize(result).length).toBeLessThan(1.02 * serialize(static8).length)
  })

  it('and what four bits with one scale per tensor lose', async () => {
    const four = { weights: 'int4', activations: 'float', edges: 'int4' } as const
    const { result, record, plan } = await qat(net, { ...four, epochs: 16, learningRate: 3e-3 })
    const { quantization } = QatDecisions.parse(plan.decisions)
    const start = await staticInt8.apply(net, { ...plan, decisions: quantization })
    checkModel(result)
    expect(countOperators(result)).toEqual(countOperators(start))
    expect(countOperators(result).QuantizeLinear).toBeUndefined()
    expect(record.best?.epoch).toBeGreaterThan(0)
    expect(await accuracy(result)).toBeGreaterThan((await accuracy(start)) + 0.3)
  })

  it('and what training would make worse stays as it was', async () => {
    const wild = { learningRate: 90, optimizer: 'sgd' as const, clip: 0, warmup: 0, epochs: 2 }
    const { result, record, plan } = await qat(net, wild)
    expect(record.best?.epoch).toBe(0)
    const { quantization } = QatDecisions.parse(plan.decisions)
    const static8 = await staticInt8.apply(net, { ...plan, decisions: quantization })
    expect(serialize(result)).toEqual(serialize(static8))
  })

  it('begins with equalized layers where that is not turned off', async () => {
    expect(QatOptions.parse({}).equalize).toBe(true)
    const { result, plan } = await qat(net, { equalize: true, epochs: 1 })
    expect(QatDecisions.parse(plan.decisions).quantization.equalized).toBe(true)
    expect(await accuracy(result)).toBeGreaterThan(0.95)
  })

  it('measures epochs as the written model answers', async () => {
    const { result, record, plan } = await qat(net, { epochs: 8, learn: 'labels', validation: 0.5 })
    const decisions = QatDecisions.parse(plan.decisions)
    expect(record.samples.validation).toBe(decisions.validation)
    const division = divide(
      { dataset: data, indices: data.indices('all') },
      QatOptions.parse(plan.options),
      0,
      null,
    )
    expect(record.best?.metric).toBeCloseTo(await accuracy(result, data, division.validation), 2)
  })
})

describe('the plan', () => {
  it('is that of static int8 with what the training chose', async () => {
    const { plan, record } = await qat(net, { epochs: 1, scales: 'calibrated' })
    const decisions = QatDecisions.parse(plan.decisions)
    const all = { dataset: data, indices: data.indices('all') }
    const { train } = divide(all, QatOptions.parse(plan.options), 0, null)
    const drawn = epochOrder(train, 0, 0).slice(0, 200)
    const input = { model: net, calibration: { dataset: data, indices: drawn }, seed: 0, threads: 1 }
    expect(decisions.quantization).toEqual((await staticInt8.plan(input, ptq, testContext())).decisions)
    expect(decisions).toMatchObject({ metric: 'accuracy', learningRate: 3e-4, learnsScales: false })
    // Weights alone: scales are no parameters here.
    expect(record.trainableParameters).toBe(2 * 24 + 24 + 24 * 24 + 24 + 24 * 3 + 3)
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan)
  })

  it('gives the same bytes again, also after a pause', async () => {
    const whole = await qat(net, { epochs: 3 })
    const again = await qat(net, {}, { plan: whole.plan })
    expect(serialize(again.result)).toEqual(serialize(whole.result))
    let calls = 0
    const paused = trainingContext({ asked: () => (++calls === 14 ? 'pause' : undefined) })
    try {
      const { context } = paused
      await expect(qat(net, {}, { plan: whole.plan, context })).rejects.toMatchObject({ code: 'paused' })
      const resumed = await qat(net, {}, { plan: whole.plan, context })
      expect(serialize(resumed.result)).toEqual(serialize(whole.result))
    } finally {
      paused.clean()
    }
  })

  it('keeps frozen weights', async () => {
    const { result, plan } = await qat(net, { epochs: 1, freeze: ['first:1', 'w2'] })
    const static8 = await staticInt8.apply(net, {
      ...plan,
      decisions: QatDecisions.parse(plan.decisions).quantization,
    })
    const codes = (model: Model, name: string) => {
      const tensor = model.graph.initializer(name)
      return tensor && [...toNumbers(tensorValues(tensor, model.directory))]
    }
    for (const name of ['w0_q', 'w0_s', 'w2_q', 'w2_s'])
      expect(codes(result, name)).toEqual(codes(static8, name))
    expect(codes(result, 'w1_q')).not.toEqual(codes(static8, 'w1_q'))
  })
})

describe('what cannot be done is refused in a line', () => {
  it('labels without labels', async () => {
    const dataset = spiral(60, { labelled: false })
    expect(await failure(qat(net, { learn: 'labels' }, { dataset }))).toMatchObject({
      code: 'bad-data',
      message: 'Learning from labels needs labelled samples.',
    })
    // Distillation needs none, and compares answers.
    const { record } = await qat(net, { epochs: 1 }, { dataset })
    expect(record.metric.name).toBe('agreement')
  })

  it('no samples', async () => {
    const error = await failure(
      quantizeQat.plan({ model: net, seed: 0, threads: 1 }, QatOptions.parse({}), testContext()),
    )
    expect(error).toMatchObject({ code: 'bad-data' })
  })

  it('an operator without a gradient, until what lies before it is frozen', async () => {
    const model = copyModel(net)
    const { graph } = model
    const reader = graph.uses('r0')[0]?.node
    if (!reader) throw new Error('nothing reads r0')
    graph.add(makeNode('Compress', ['r0', 'all'], ['kept'], { axis: 1n }, { name: 'compress' }), reader)
    graph.setInitializer(makeTensor('all', 'bool', [24], Array<number>(24).fill(1)))
    graph.setInput(reader, 0, 'kept')
    const error = await failure(qat(model, { epochs: 1 }))
    expect(error.message).toMatch(/^No gradient flows through Compress\. .*known only while it runs\.$/)
    const { record } = await qat(model, { epochs: 1, freeze: ['w0', 'b0'] })
    // Left are two layers and the scales behind: two of weights, two of activations.
    expect(record.trainableParameters).toBe(24 * 24 + 24 + 24 * 3 + 3 + 4)
  })

  it('a model that is quantized already', async () => {
    const { result } = await qat(net, { epochs: 1 })
    expect(await failure(qat(result, { epochs: 1 }))).toMatchObject({
      code: 'unsupported',
      message: 'The model is quantized, and integers cannot be trained.',
    })
  })
})

describe('advice', () => {
  const operators = { Gemm: 3 }
  const model = { sizeBytes: 4e6, macs: 1e9, operators, layers: [], inputs: [], notes: [] }
  const hardware = { cpu: 'Test', features: ['avx2'], arch: 'x64' }
  // The parts of summary and machine that advice looks at.
  const about = (more: object = {}) => ({ model: { ...model, ...more }, hardware }) as unknown as About
  const codes = (options: object, more?: object) =>
    adviseQat(about(more), QatOptions.parse(options)).notes.map(note => note.code)

  it('warns of saturation as static int8 does, and of training without held-out samples', () => {
    expect(codes({ validation: 0 })).toEqual(expect.arrayContaining(['saturation', 'no-validation']))
    expect(codes({ reduceRange: true })).not.toContain('saturation')
  })

  it('says once that a quantized model cannot be trained', () => {
    const found = codes({}, { operators: { ...operators, QuantizeLinear: 2 } })
    expect(found).toContain('quantized')
    expect(found).not.toContain('already-quantized')
  })
})
