import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { compileKernels } from '../../../scripts/make-optimizer.mjs'
import { KERNELS } from './kernels.generated'
import type { ParameterSpec } from './memory'
import { Optimizer, type OptimizerOptions } from './optimizer'

/** Made by `bench/optimizer-goldens.py` in float64. */
interface Goldens {
  rates: number[]
  start: number[][]
  slopes: number[][][]
  cases: { options: OptimizerOptions; after: number[][][]; averaged: number[][] }[]
}

const goldens = JSON.parse(
  readFileSync(join(dirname(fileURLToPath(import.meta.url)), 'goldens.json'), 'utf8'),
) as Goldens

/** The second parameter comes first in memory and has no weight decay, as in the goldens. */
const SPECS: ParameterSpec[] = [
  { name: 'bias', size: 3, decay: false },
  { name: 'weight', size: 17, decay: true },
]
const NAMES = ['weight', 'bias']

function make(options: OptimizerOptions): Optimizer {
  const optimizer = Optimizer.create(SPECS, options)
  NAMES.forEach((name, i) => {
    optimizer.weights(name).set(goldens.start[i] ?? [])
  })
  return optimizer
}

function setGradients(optimizer: Optimizer, step: number, factor = 1): void {
  NAMES.forEach((name, i) => {
    optimizer.gradients(name).set((goldens.slopes[step]?.[i] ?? []).map(v => v * factor))
  })
}

function all(optimizer: Optimizer): number[] {
  return NAMES.flatMap(name => [...optimizer.weights(name)])
}

function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length)
  return Math.max(...Array.from(a, (v, i) => Math.abs(v - (b[i] ?? Number.NaN))))
}

describe('trajectories of PyTorch', () => {
  it.each(goldens.cases.map(c => [JSON.stringify(c.options), c] as const))('%s', (_, golden) => {
    const optimizer = make({ ...golden.options, ema: 0.9 })
    golden.after.forEach((weights, step) => {
      setGradients(optimizer, step)
      optimizer.step(goldens.rates[step] ?? 0)
      expect(difference(all(optimizer), weights.flat())).toBeLessThan(2e-6)
    })
    const averaged = NAMES.flatMap(name => [...(optimizer.averaged(name) ?? [])])
    expect(difference(averaged, golden.averaged.flat())).toBeLessThan(2e-6)
    expect(optimizer.stepCount).toBe(6)
  })
})

describe('gradients', () => {
  it('scaled in the step are as scaled before it, the norm is over all of them', () => {
    const [a, b] = [make({ kind: 'sgd', momentum: 0.9 }), make({ kind: 'sgd', momentum: 0.9 })]
    setGradients(a, 0)
    setGradients(b, 0, 0.25)
    expect(a.gradientNorm()).toBeCloseTo(Math.hypot(...(goldens.slopes[0] ?? []).flat()), 5)
    a.step(0.1, 0.25)
    b.step(0.1)
    expect(all(a)).toEqual(all(b))
  })

  it('added up over batches step as their mean, once', () => {
    const accumulating = make({ kind: 'adamw', weightDecay: 0.1, accumulate: true })
    const whole = make({ kind: 'adamw', weightDecay: 0.1 })
    for (const factor of [1, 2, 6]) {
      setGradients(accumulating, 0, factor)
      accumulating.accumulateGradients()
    }
    setGradients(whole, 0, 3)
    expect(accumulating.gradientNorm()).toBeCloseTo(whole.gradientNorm(), 5)
    accumulating.step(0.1)
    whole.step(0.1)
    expect(difference(all(accumulating), all(whole))).toBeLessThan(1e-7)
    setGradients(accumulating, 1)
    accumulating.accumulateGradients()
    setGradients(whole, 1)
    accumulating.step(0.1)
    whole.step(0.1)
    expect(difference(all(accumulating), all(whole))).toBeLessThan(1e-7)
  })

  it('that are not finite are found by name and show in the norm', () => {
    const optimizer = make({ kind: 'adam' })
    setGradients(optimizer, 0)
    expect(optimizer.firstNonFinite()).toBeUndefined()
    optimizer.gradients('weight')[16] = Number.NaN
    expect(optimizer.firstNonFinite()).toBe('weight')
    expect(optimizer.gradientNorm()).toBeNaN()
    optimizer.gradients('bias')[0] = Number.NEGATIVE_INFINITY
    optimizer.gradients('weight')[16] = 3e38
    expect(optimizer.firstNonFinite()).toBe('bias')
    expect(optimizer.gradientNorm()).toBe(Number.POSITIVE_INFINITY)
  })

  it('cannot be added up without room for it', () => {
    expect(() => make({ kind: 'adam' }).accumulateGradients()).toThrow('was made without `accumulate`')
  })
})

it('keeps no denormals in the moments', () => {
  const optimizer = make({ kind: 'adam', beta2: 0.5 })
  setGradients(optimizer, 0)
  optimizer.step(0.1)
  setGradients(optimizer, 0, 0)
  for (let i = 0; i < 1000; i++) optimizer.step(0)
  // In the order of the saved state the moments follow the weights: they must have reached exactly 0.
  const bytes = optimizer.save()
  const values = new Float32Array(bytes.slice(bytes.length - 3 * 48 * 4).buffer)
  expect([...values.subarray(48)].every(v => v === 0)).toBe(true)
  expect(values.subarray(0, 17)).toEqual(optimizer.weights('weight'))
})

describe('a saved state', () => {
  const options: OptimizerOptions = { kind: 'adamw', weightDecay: 0.1, ema: 0.9, accumulate: true }

  it('continues bit for bit, in the middle of adding up too', () => {
    const a = make(options)
    const b = make(options)
    setGradients(a, 0)
    a.step(0.1)
    setGradients(a, 1)
    a.accumulateGradients()
    b.load(a.save())
    for (const optimizer of [a, b]) {
      setGradients(optimizer, 2)
      optimizer.accumulateGradients()
      optimizer.step(0.05)
    }
    expect(b.save()).toEqual(a.save())
    expect(b.averaged('weight')).toEqual(a.averaged('weight'))
    expect(b.stepCount).toBe(2)
  })

  it('that does not fit is refused, and nothing changes', () => {
    const saved = make(options).save()
    const before = make({ kind: 'adam' })
    const refused = (optimizer: Optimizer, bytes: Uint8Array) => {
      const was = optimizer.save()
      let message = ''
      try {
        optimizer.load(bytes)
      } catch (error) {
        expect(error).toMatchObject({ code: 'bad-data' })
        message = (error as Error).message
      }
      expect(optimizer.save()).toEqual(was)
      return message
    }
    expect(refused(before, saved)).toBe(
      'The saved state of the optimizer does not fit: it is of adamw, not of adam.',
    )
    expect(refused(make({ kind: 'adamw' }), saved)).toBe(
      'The saved state of the optimizer does not fit: it holds weights, first, second, averaged, not weights, first, second.',
    )
    const other = Optimizer.create([{ name: 'bias', size: 3, decay: false }], options)
    expect(refused(other, saved)).toBe(
      'The saved state of the optimizer does not fit: it has 2 parameters, not 1.',
    )
    expect(refused(make(options), saved.subarray(0, saved.length - 1))).toBe(
      'The saved state of the optimizer does not fit: it has 767 bytes of values, not 768.',
    )
    expect(refused(make(options), Buffer.from('no'))).toBe('This is not a saved state of an optimizer.')
  })
})

it('lays every view at 64 bytes and lets them touch nothing else', () => {
  const optimizer = make({ kind: 'sgd' })
  for (const name of NAMES) {
    expect(optimizer.weights(name).byteOffset % 64).toBe(0)
    expect(optimizer.gradients(name).byteOffset % 64).toBe(0)
  }
  optimizer.gradients('weight').fill(1)
  expect([...optimizer.gradients('bias')]).toEqual([0, 0, 0])
  expect(() => optimizer.weights('other')).toThrow('The optimizer has no parameter other.')
})

it('says how much memory it would take', () => {
  const parameters = [{ name: 'w', size: 2 ** 29, decay: true }]
  expect(() => Optimizer.create(parameters, { kind: 'adamw' })).toThrow(/8589934656 bytes/)
  const twice = [...SPECS, { name: 'bias', size: 1, decay: true }]
  expect(() => Optimizer.create(twice, { kind: 'sgd' })).toThrow('Two parameters have the same name.')
})

it('runs what the source compiles to', async () => {
  expect(Buffer.from(await compileKernels()).toString('base64')).toBe(KERNELS)
})
