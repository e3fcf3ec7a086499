import { describe, expect, it } from 'vitest'
import { inferTypes } from '../onnx/infer'
import type { Model } from '../onnx/model'
import { makeTensor } from '../onnx/tensor'
import { preparedForStatic } from '../quantize/prepare'
import { StaticDecisions, StaticOptions } from '../quantize/static/options'
import { planStatic } from '../quantize/static/plan'
import { arrayDataset, normals, sqnr, testContext } from '../quantize/testing'
import type { Tensor } from '../runtime/tensor'
import { fakeQuantized } from './net'
import { answers, convolutional } from './testing'
import { learnedDecisions, writeTrained } from './write'

const images = normals(24 * 192, 9)
const dataset = arrayDataset({ x: { dims: [24, 3, 8, 8], data: images } })
const feeds: Record<string, Tensor> = { x: { type: 'float32', dims: [24, 3, 8, 8], data: images } }

async function made(options: object, learned = true) {
  const source = convolutional()
  const input = { model: source, calibration: { dataset, indices: dataset.indices('all') } }
  const context = testContext()
  const plan = await planStatic({ ...input, seed: 0, threads: 1 }, StaticOptions.parse(options), context)
  const decisions = StaticDecisions.parse(plan.decisions)
  const { model: prepared } = await preparedForStatic(source)
  const fake = fakeQuantized(prepared, decisions, learned, await inferTypes(prepared))
  return { prepared, decisions, fake }
}

function steps(model: Model, name: string, values: (i: number) => number): void {
  const known = model.graph.initializer(name)
  const count = Number(known?.dims[0] ?? 0n)
  model.graph.setInitializer(
    makeTensor(
      name,
      'float32',
      [count],
      Float32Array.from({ length: count }, (_, i) => values(i)),
    ),
  )
}

const classes = (values: Float32Array) =>
  Array.from({ length: values.length / 5 }, (_, i) => {
    const row = values.subarray(5 * i, 5 * i + 5)
    return row.indexOf(Math.max(...row))
  })

describe('the fake-quantized net answers as the written model', () => {
  it.each([
    ['per channel, seven bits', { reduceRange: true }],
    ['per tensor, U8U8', { format: 'U8U8', perChannel: false }],
    ['S8S8', { format: 'S8S8', reduceRange: true }],
    ['a part left in float', { reduceRange: true, exclude: ['second'] }],
    ['symmetric activations', { reduceRange: true, symmetric: true }],
    ['4-bit weights', { reduceRange: true, weights: 'int4' }],
    ['4-bit weights alone, of every layer', { weights: 'int4', activations: 'float', edges: 'int4' }],
  ])('%s', async (_, options) => {
    const { prepared, decisions, fake } = await made(options)
    const same = learnedDecisions(prepared, decisions, fake, fake.model)
    expect(same).toEqual(decisions)
    const written = writeTrained(prepared, same, fake.model)
    const expected = await answers(fake.model, feeds, 'disabled')
    // The same numbers, but for the order in which sums are taken …
    const plain = await answers(written, feeds, 'disabled')
    expect(sqnr(expected, plain)).toBeGreaterThan(100)
    // … and with integer kernels those that fall between two codes go the other way.
    const integer = await answers(written, feeds, 'all')
    expect(sqnr(expected, integer)).toBeGreaterThan(35)
    expect(classes(integer)).toEqual(classes(expected))
  })

  it('with steps and weights that training moved', async () => {
    const { prepared, decisions, fake } = await made({ reduceRange: true })
    const { graph } = fake.model
    for (const [, step] of fake.steps.weights)
      steps(fake.model, step.parameter, i => (0.2 * (step.start[i] ?? 0) * Math.sin(i)) / step.factor)
    for (const [, step] of fake.steps.activations)
      steps(fake.model, step.parameter, () => (-0.1 * (step.start[0] ?? 0)) / step.factor)
    graph.setInitializer(makeTensor('w1', 'float32', [8, 8, 3, 3], normals(576, 31, 0.3)))
    const learnt = learnedDecisions(prepared, decisions, fake, fake.model)
    expect(learnt.values.map(v => v.scale)).not.toEqual(decisions.values.map(v => v.scale))
    const written = writeTrained(prepared, learnt, fake.model)
    const expected = await answers(fake.model, feeds, 'disabled')
    expect(sqnr(expected, await answers(written, feeds, 'disabled'))).toBeGreaterThan(100)
    expect(sqnr(expected, await answers(written, feeds, 'all'))).toBeGreaterThan(35)
    // It is not the net that it began as.
    const first = await made({ reduceRange: true })
    expect(sqnr(expected, await answers(first.fake.model, feeds, 'disabled'))).toBeLessThan(25)
  })
})

describe('steps', () => {
  it('are one for values that share a scale, and none for a Clip left to saturation', async () => {
    const { decisions, fake } = await made({})
    const learned = new Set(fake.steps.activations.keys())
    // cat, r1 and r2 are one when their ranges are alike, and MaxPool moves what it reads.
    expect(learned.has('p')).toBe(false)
    expect(learned.has('f')).toBe(false)
    expect(decisions.absorbed.map(a => a.id)).toContain('r1')
    expect(learned.has('r1')).toBe(false)
    expect(learned.has('x')).toBe(true)
    expect([...fake.steps.weights.keys()]).toEqual(['w0|0', 'w1|0', 'w2|0', 'w3|0'])
  })

  it('are none with calibrated scales', async () => {
    const { fake } = await made({}, false)
    expect(fake.steps.activations.size + fake.steps.weights.size).toBe(0)
    expect(fake.model.graph.nodes.some(node => node.opType === 'Round')).toBe(true)
  })
})
