import { describe, expect, it } from 'vitest'
import type { Tensor } from '../../runtime/tensor'
import {
  average,
  dot,
  expectLoss,
  expectZero,
  kl,
  lossOf,
  randomTensor,
  rowsOf,
  softmax,
  withLoss,
} from './testing'
import { relationHeads } from './transformer'

const list = (t: Tensor) => [...t.data].map(Number)
const meanSquare = (a: readonly number[], b: readonly number[]) =>
  average(a.map((v, i) => (v - (b[i] ?? Number.NaN)) ** 2))

describe('attention-matrix', () => {
  const loss = { kind: 'attention-matrix' } as const

  it('is the mean squared gap of the scores', async () => {
    const [x, t] = [randomTensor([2, 2, 3, 3], 1), randomTensor([2, 2, 3, 3], 2)]
    await expectLoss({ loss, x, t }, meanSquare(list(x), list(t)))
    await expectZero({ loss, x, t: x })
  })

  it('compares means over the heads where their numbers differ', async () => {
    const [x, t] = [randomTensor([2, 2, 3, 3], 1), randomTensor([2, 4, 3, 3], 2)]
    const overHeads = (v: Tensor) =>
      rowsOf(v).flatMap(row =>
        Array.from({ length: 9 }, (_, p) => average(row.filter((_, i) => i % 9 === p))),
      )
    await expectLoss({ loss, x, t }, meanSquare(overHeads(x), overHeads(t)))
  })

  it('counts masked scores as zero, infinite ones too', async () => {
    const x = randomTensor([1, 1, 2, 2], 1, 'float32')
    const t = randomTensor([1, 1, 2, 2], 2, 'float32')
    x.data[1] = t.data[1] = Number.NEGATIVE_INFINITY
    const { loss: value, gradients } = await lossOf({ loss, x, t })
    const gaps = [0, 2, 3].map(i => (Number(x.data[i]) - Number(t.data[i])) ** 2)
    expect(value).toBeCloseTo((average(gaps) * 3) / 4, 6)
    expect(gradients.x?.[1]).toBe(0)
    expect(gradients.x?.every(Number.isFinite)).toBe(true)
  })

  it('is refused for lengths that differ', async () => {
    const [x, t] = [randomTensor([2, 2, 3, 3], 1), randomTensor([2, 2, 4, 4], 2)]
    await expect(withLoss({ loss, x, t })).rejects.toThrow(
      "The loss attention-matrix t → y cannot compare the student's y [n, 2, 3, 3] with the teacher's t [m, 2, 4, 4].",
    )
  })
})

describe('value-relation', () => {
  const loss = { kind: 'value-relation' } as const
  const L = 3

  /** Rows [L][C] of each sample, from [N, L, C] or [N, heads, L, d]. */
  function samples(t: Tensor): number[][][] {
    return rowsOf(t).map(row =>
      Array.from({ length: L }, (_, l) => {
        if (t.dims.length === 3) return row.slice((l * row.length) / L, ((l + 1) * row.length) / L)
        const [heads = 1, d = 1] = [t.dims[1], t.dims[3]]
        return Array.from(
          { length: heads * d },
          (_, c) => row[(Math.floor(c / d) * L + l) * d + (c % d)] ?? 0,
        )
      }),
    )
  }

  function relations(t: Tensor, heads: number): number[][] {
    return samples(t).flatMap(tokens => {
      const d = (tokens[0]?.length ?? 0) / heads
      return Array.from({ length: heads }, (_, h) => {
        const part = tokens.map(v => v.slice(h * d, (h + 1) * d))
        return part.map(a => softmax(part.map(b => dot(a, b) / Math.sqrt(d))))
      }).flat()
    })
  }
  const reference = (x: Tensor, t: Tensor, heads: number) => {
    const student = relations(x, heads)
    return average(relations(t, heads).map((p, i) => kl(p, student[i] ?? [])))
  }

  it('is the KL of the relations of heads', async () => {
    const [x, t] = [randomTensor([2, 2, L, 4], 1), randomTensor([2, 2, L, 4], 2)]
    await expectLoss({ loss, x, t }, reference(x, t, 2))
    await expectZero({ loss, x, t: x })
  })

  it('regroups other widths into as many heads', async () => {
    const [x, t] = [randomTensor([2, 2, L, 3], 3), randomTensor([2, 3, L, 4], 4)]
    expect(relationHeads(x.dims, t.dims)).toBe(3)
    await expectLoss({ loss, x, t }, reference(x, t, 3))
    const flat = randomTensor([2, L, 12], 5)
    await expectLoss({ loss, x, t: flat }, reference(x, flat, 2))
  })

  it('is refused without a known width', async () => {
    const x = randomTensor([2, 2, L, 4], 1)
    await expect(withLoss({ loss, x, t: randomTensor([2, 8], 1) })).rejects.toThrow(
      "The loss value-relation t → y cannot compare the student's y [n, 2, 3, 4] with the teacher's t [m, 8].",
    )
  })
})
