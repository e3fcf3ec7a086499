import { describe, expect, it } from 'vitest'
import type { Tensor } from '../../runtime/tensor'
import { average, dot, expectGradient, expectLoss, expectZero, lossOf, randomTensor, rowsOf } from './testing'

const x = randomTensor([5, 4], 1)
const t = randomTensor([5, 2, 3], 2)
const scaledBy = (v: Tensor, by: number, plus = 0): Tensor => ({
  ...v,
  data: (v.data as Float64Array).map(e => by * e + plus),
})

describe('similarity', () => {
  const loss = { kind: 'similarity' } as const
  const gram = (v: Tensor) =>
    rowsOf(v).map(a => {
      const row = rowsOf(v).map(b => dot(a, b))
      return row.map(e => e / Math.hypot(...row))
    })
  const reference = (a: Tensor, b: Tensor) => {
    const g = gram(b)
    return average(gram(a).flatMap((row, i) => row.map((e, j) => (e - (g[i]?.[j] ?? Number.NaN)) ** 2)))
  }

  it('compares how alike the samples of a batch are', async () => {
    // The guard under the root (1e-6) is part of what is differentiated, and moves the value by some 1e-6.
    const { loss: value } = await lossOf({ loss, x, t })
    expect(value).toBeCloseTo(reference(x, t), 5)
    expect(value).toBeGreaterThan(0.01)
    expect((await lossOf({ loss, x, t, open: false })).loss).toBe(value)
    await expectGradient({ loss, x, t })
    await expectZero({ loss, x, t: x })
    await expectZero({ loss, x, t: scaledBy(x, -4) })
  })

  it('stays finite for samples of zeros', async () => {
    const some = randomTensor([3, 4], 1, 'float32')
    ;(some.data as Float32Array).fill(0, 0, 4)
    const none = { ...some, data: new Float32Array(12) }
    const other = randomTensor([3, 4], 2, 'float32')
    for (const zero of [some, none]) {
      const { loss: value, gradients } = await lossOf({ loss, x: zero, t: other })
      expect(Number.isFinite(value)).toBe(true)
      for (const g of gradients.x ?? []) expect(Math.abs(g)).toBeLessThan(1e4)
    }
  })
})

describe('relational', () => {
  const loss = { kind: 'relational' } as const
  const minus = (a: number[], b: number[]) => a.map((v, i) => v - (b[i] ?? Number.NaN))
  const huber = (r: number) => (r <= 1 ? r * r * 0.5 : r - 0.5)

  /** The paper's potentials over all pairs and triplets of samples. */
  function potentials(v: Tensor): { distances: number[]; angles: number[] } {
    const samples = rowsOf(v)
    const raw = samples.flatMap(a => samples.map(b => Math.hypot(...minus(a, b))))
    const mean = raw.reduce((a, b) => a + b, 0) / (samples.length * (samples.length - 1))
    const angles = samples.flatMap(corner =>
      samples.flatMap(a =>
        samples.map(b => {
          const [p, q] = [minus(a, corner), minus(b, corner)]
          const lengths = Math.hypot(...p) * Math.hypot(...q)
          return lengths === 0 ? 0 : dot(p, q) / lengths
        }),
      ),
    )
    return { distances: raw.map(d => d / mean), angles }
  }

  it('compares distances and angles', async () => {
    const [a, b] = [potentials(x), potentials(t)]
    const gap = (p: number[], q: number[]) =>
      average(p.map((v, i) => huber(Math.abs(v - (q[i] ?? Number.NaN)))))
    const expected = gap(a.distances, b.distances) + 2 * gap(a.angles, b.angles)
    const { loss: value } = await lossOf({ loss, x, t })
    expect(value).toBeCloseTo(expected, 5)
    expect(value).toBeGreaterThan(0.05)
    expect((await lossOf({ loss, x, t, open: false })).loss).toBe(value)
    await expectGradient({ loss, x, t })
    const single = (v: Tensor): Tensor => ({
      ...v,
      type: 'float32',
      data: Float32Array.from(v.data as Float64Array),
    })
    await expectLoss({ loss, x: single(x), t: single(t) }, value)
  })

  it('is zero for the teacher moved, turned and scaled', async () => {
    await expectZero({ loss, x, t: x })
    const { loss: moved } = await lossOf({ loss, x, t: scaledBy(x, -3, 7) })
    expect(moved).toBeLessThan(1e-9)
  })

  it('stays finite where samples coincide, in a batch of one, and for features that are all zero', async () => {
    const twins = randomTensor([3, 4], 1, 'float32')
    ;(twins.data as Float32Array).copyWithin(4, 0, 4)
    const other = randomTensor([3, 4], 2, 'float32')
    const cases: [Tensor, Tensor][] = [
      [twins, other],
      [other, twins],
      [{ ...twins, data: new Float32Array(12) }, other],
      [randomTensor([1, 4], 3, 'float32'), randomTensor([1, 4], 4, 'float32')],
    ]
    for (const [a, b] of cases) {
      const { loss: value, gradients } = await lossOf({ loss, x: a, t: b })
      expect([value, ...(gradients.x ?? [])].every(Number.isFinite)).toBe(true)
      for (const g of gradients.x ?? []) expect(Math.abs(g)).toBeLessThan(1e4)
    }
  })
})
