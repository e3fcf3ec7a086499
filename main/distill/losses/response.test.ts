import { describe, expect, it } from 'vitest'
import type { Tensor } from '../../runtime/tensor'
import {
  average,
  expectGradient,
  expectLoss,
  expectZero,
  kl,
  lossOf,
  randomTensor,
  rowsOf,
  softmax,
} from './testing'

const x = randomTensor([4, 5], 1)
const t = randomTensor([4, 5], 2)
const T = 3
const labels: Tensor = { type: 'int64', dims: [4], data: BigInt64Array.from([3n, 0n, 1n, 4n]) }
const classes = [...labels.data].map(Number)
const soften = (z: readonly number[]) => softmax(z.map(v => v / T))

describe('kd', () => {
  it('is T²·KL of the softened answers', async () => {
    const expected = average(rowsOf(t).map((z, i) => T * T * kl(soften(z), soften(rowsOf(x)[i] ?? []))))
    await expectLoss({ loss: { kind: 'kd', temperature: T }, x, t }, expected)
    await expectZero({ loss: { kind: 'kd' }, x, t: x })
  })

  it('compares one logit, or logits of independent labels, as Bernoulli variables', async () => {
    const bernoulli = (z: number) => {
      const p = 1 / (1 + Math.exp(-z / T))
      return [p, 1 - p]
    }
    const expected = (a: Tensor, b: Tensor) =>
      average([...b.data].map((v, i) => T * T * kl(bernoulli(Number(v)), bernoulli(Number(a.data[i])))))
    // ONNX Runtime has Softplus in single precision only.
    const single = (dims: number[], seed: number) => randomTensor(dims, seed, 'float32')
    const [one, other, many, more] = [
      single([6, 1], 3),
      single([6, 1], 4),
      single([4, 5], 5),
      single([4, 5], 6),
    ]
    await expectLoss({ loss: { kind: 'kd', temperature: T }, x: one, t: other }, expected(one, other))
    await expectLoss(
      { loss: { kind: 'kd', temperature: T }, x: many, t: more, binary: true },
      expected(many, more),
    )
    await expectZero({ loss: { kind: 'kd' }, x: one, t: one })
    const sure: Tensor = { type: 'float32', dims: [2, 1], data: Float32Array.of(500, -500) }
    const { loss, gradients } = await lossOf({ loss: { kind: 'kd', temperature: 1 }, x: sure, t: sure })
    expect([loss, ...(gradients.x ?? [])]).toEqual([0, 0, 0])
  })

  it('takes classes on another axis, such as those of pixels', async () => {
    const [a, b] = [randomTensor([2, 3, 2, 2], 5), randomTensor([2, 3, 2, 2], 6)]
    const pixels = (v: Tensor) =>
      rowsOf(v).flatMap(z => [0, 1, 2, 3].map(p => [z[p] ?? 0, z[4 + p] ?? 0, z[8 + p] ?? 0]))
    const expected = average(pixels(b).map((z, i) => T * T * kl(soften(z), soften(pixels(a)[i] ?? []))))
    await expectLoss({ loss: { kind: 'kd', temperature: T }, x: a, t: b, axis: 1 }, expected)
  })
})

it('logits-mse is the mean squared gap', async () => {
  const expected = average([...x.data].map((v, i) => (Number(v) - Number(t.data[i])) ** 2))
  await expectLoss({ loss: { kind: 'logits-mse' }, x, t }, expected)
  await expectZero({ loss: { kind: 'logits-mse' }, x, t: x })
})

describe('dkd', () => {
  const parts = (z: readonly number[], y: number) => {
    const p = softmax(z.map(v => v / T))
    return {
      target: [p[y] ?? 0, 1 - (p[y] ?? 0)],
      others: softmax(z.filter((_, i) => i !== y).map(v => v / T)),
    }
  }
  const expected = average(
    rowsOf(t).map((z, i) => {
      const [a, b] = [parts(z, classes[i] ?? 0), parts(rowsOf(x)[i] ?? [], classes[i] ?? 0)]
      return T * T * (1.5 * kl(a.target, b.target) + 4 * kl(a.others, b.others))
    }),
  )
  const loss = { kind: 'dkd', temperature: T, alpha: 1.5, beta: 4 } as const

  it('weighs the target class and the others apart', async () => {
    await expectLoss({ loss, x, t, y: labels, labels: 'index' }, expected)
    await expectZero({ loss, x, t: x, y: labels, labels: 'index' })
  })

  it('is kd where the others weigh as much as they are likely', async () => {
    // KL = TCKD + (1 − p_y)·NCKD (the paper's equation 7): for one sample, β = 1 − p_y of the teacher.
    const [x1, t1] = [randomTensor([1, 5], 7), randomTensor([1, 5], 8)]
    const beta = parts(rowsOf(t1)[0] ?? [], 2).target[1] ?? 0
    const y: Tensor = { type: 'int64', dims: [1], data: BigInt64Array.of(2n) }
    const whole = await lossOf({ loss: { ...loss, alpha: 1, beta }, x: x1, t: t1, y, labels: 'index' })
    const kd = await lossOf({ loss: { kind: 'kd', temperature: T }, x: x1, t: t1 })
    expect(whole.loss).toBeCloseTo(kd.loss, 9)
  })

  it('takes mixed labels by the larger share, and stays finite where the teacher is certain', async () => {
    const shares = { ...randomTensor([4, 5], 9), data: new Float64Array(20) }
    classes.forEach((y, i) => {
      shares.data.set([0.7], i * 5 + y)
      shares.data.set([0.3], i * 5 + ((y + 1) % 5))
    })
    const mixed = await lossOf({ loss, x, t, y: shares, labels: 'probabilities' })
    expect(mixed.loss).toBeCloseTo(expected, 9)
    const sure: Tensor = { type: 'float32', dims: [1, 3], data: Float32Array.of(900, 0, -900) }
    const flat: Tensor = { type: 'float32', dims: [1, 3], data: Float32Array.of(0, 0, 0) }
    const y: Tensor = { type: 'int64', dims: [1], data: BigInt64Array.of(0n) }
    for (const [a, b] of [
      [sure, flat],
      [flat, sure],
      [sure, sure],
    ] as const) {
      const result = await lossOf({ loss, x: a, t: b, y, labels: 'index' })
      expect([result.loss, ...(result.gradients.x ?? [])].every(Number.isFinite)).toBe(true)
    }
  })

  it('holds in single precision', async () => {
    const [a, b] = [randomTensor([4, 5], 1, 'float32'), randomTensor([4, 5], 2, 'float32')]
    await expectGradient({ loss, x: a, t: b, y: labels, labels: 'index' })
  })
})

it('answers that do not go together are refused', async () => {
  const kd = { kind: 'kd' } as const
  await expect(lossOf({ loss: kd, x, t: randomTensor([4, 6], 1) })).rejects.toThrow(
    "The loss kd compares y [n, 5] with the teacher's t [m, 6].",
  )
  await expect(lossOf({ loss: kd, x })).rejects.toThrow('The loss kd needs a teacher.')
  await expect(lossOf({ loss: { kind: 'dkd' }, x, t })).rejects.toThrow('The loss dkd needs labels.')
  const one = randomTensor([4, 1], 1)
  await expect(lossOf({ loss: { kind: 'dkd' }, x: one, t: one, labels: 'index' })).rejects.toThrow(
    'The loss dkd needs at least two classes, but y is [n, 1].',
  )
})
