import { describe, expect, it } from 'vitest'
import { elementCount, type Tensor } from '../../runtime/tensor'
import { averaging } from './spatial'
import { average, expectLoss, expectZero, lossOf, randomTensor, rowsOf, withLoss } from './testing'

/** Means over blocks of f × f of maps [N, C, H, W], written plainly. */
function pooled(t: Tensor, f: number): number[] {
  const [n = 1, c = 1, h = 1, w = 1] = t.dims
  const at = (i: number, j: number, y: number, x: number) => Number(t.data[((i * c + j) * h + y) * w + x])
  const found: number[] = []
  for (let i = 0; i < n; i++)
    for (let j = 0; j < c; j++)
      for (let y = 0; y < h; y += f)
        for (let x = 0; x < w; x += f) {
          const block = Array.from({ length: f * f }, (_, k) => at(i, j, y + Math.floor(k / f), x + (k % f)))
          found.push(average(block))
        }
  return found
}

const meanSquare = (a: readonly number[], b: readonly number[]) =>
  average(a.map((v, i) => (v - (b[i] ?? Number.NaN)) ** 2))
const list = (t: Tensor) => [...t.data].map(Number)

describe('hint', () => {
  const loss = { kind: 'hint' } as const

  it('is the mean squared gap of values of one width', async () => {
    const [x, t] = [randomTensor([2, 3, 4, 4], 1), randomTensor([2, 3, 4, 4], 2)]
    await expectLoss({ loss, x, t }, meanSquare(list(x), list(t)))
    await expectZero({ loss, x, t: x })
    expect((await withLoss({ loss, x, t })).projectors).toEqual([])
  })

  it('averages the larger map, the teacher or the student', async () => {
    const [small, large] = [randomTensor([2, 3, 2, 2], 3), randomTensor([2, 3, 4, 4], 4)]
    const expected = meanSquare(pooled(large, 2), list(small))
    await expectLoss({ loss, x: small, t: large }, expected)
    await expectLoss({ loss, x: large, t: small }, expected)
  })

  it('averages sizes that do not divide by the parts that overlap', () => {
    // 5 → 3: [0, 5/3), [5/3, 10/3), [10/3, 5)
    const shares = [0.6, 0, 0, 0.4, 0.2, 0, 0, 0.6, 0, 0, 0.2, 0.4, 0, 0, 0.6]
    averaging(5, 3).forEach((v, i) => {
      expect(v).toBeCloseTo(shares[i] ?? Number.NaN, 12)
    })
  })

  it('learns a 1×1 convolution where the channels differ', async () => {
    const x = randomTensor([2, 3, 2, 2], 5, 'float32')
    const t = randomTensor([2, 4, 4, 4], 6, 'float32')
    const added = await withLoss({ loss, x, t })
    expect(added.projectors).toEqual(['bantam/projector/0/weight', 'bantam/projector/0/bias'])
    expect(added.parts[0]?.title).toBe('hint t → y')
    const again = await withLoss({ loss, x, t })
    const weight = added.model.graph.initializer('bantam/projector/0/weight')
    expect(weight?.dims).toEqual([4n, 3n, 1n, 1n])
    expect(again.model.graph.initializer('bantam/projector/0/weight')?.rawData).toEqual(weight?.rawData)
    const w = [...new Float32Array(weight?.rawData.slice().buffer ?? new ArrayBuffer(0))]
    // He-uniform by a fan-in of 3: within ±√2, and not all near zero.
    expect(Math.max(...w.map(Math.abs))).toBeLessThan(Math.SQRT2)
    expect(Math.max(...w.map(Math.abs))).toBeGreaterThan(0.5)
    const mapped = rowsOf(x).flatMap(row =>
      Array.from({ length: 16 }, (_, at) => {
        const [o, p] = [Math.floor(at / 4), at % 4]
        return [0, 1, 2].reduce((sum, c) => sum + (w[o * 3 + c] ?? 0) * (row[c * 4 + p] ?? 0), 0)
      }),
    )
    await expectLoss({ loss, x, t }, meanSquare(mapped, pooled(t, 2)))
  })

  it('learns a linear map for hidden states and vectors', async () => {
    for (const dims of [
      [2, 5],
      [2, 3, 5],
    ]) {
      const [x, t] = [randomTensor(dims, 7), randomTensor([...dims.slice(0, -1), 6], 8)]
      const added = await withLoss({ loss, x, t })
      const weight = added.model.graph.initializer('bantam/projector/0/weight')
      expect(weight?.dims).toEqual([5n, 6n])
      const w = [...new Float64Array(weight?.rawData.slice().buffer ?? new ArrayBuffer(0))]
      const lines = rowsOf({ ...x, dims: [elementCount(dims) / 5, 5] })
      const mapped = lines.flatMap(row =>
        Array.from({ length: 6 }, (_, o) => row.reduce((sum, v, c) => sum + v * (w[c * 6 + o] ?? 0), 0)),
      )
      await expectLoss({ loss, x, t }, meanSquare(mapped, list(t)))
    }
  })

  it('is refused where shapes do not go together', async () => {
    const x = randomTensor([2, 3, 4, 4], 1)
    await expect(withLoss({ loss, x, t: randomTensor([2, 6], 1) })).rejects.toMatchObject({
      code: 'bad-option',
      message: "The loss hint t → y cannot compare the student's y [n, 3, 4, 4] with the teacher's t [m, 6].",
      action: expect.stringContaining('A hint takes feature maps [N, C, …] or hidden states […, C] of both'),
    })
    await expect(withLoss({ loss, x })).rejects.toThrow(
      'The loss hint t → y compares with t, which is not a value of the teacher with a known shape.',
    )
  })
})

describe('attention', () => {
  const loss = { kind: 'attention' } as const

  /** Sums of squares over channels [N, C, places], each sample of length one. */
  function maps(t: Tensor, factor = 1): number[][] {
    const [n = 1, c = 1, h = 1, w = 1] = t.dims
    return rowsOf(t).map(row => {
      const energy = Array.from({ length: h * w }, (_, p) =>
        Array.from({ length: c }, (_, j) => (row[j * h * w + p] ?? 0) ** 2).reduce((a, b) => a + b, 0),
      )
      const q = pooled({ type: 'float64', dims: [1, 1, h, w], data: Float64Array.from(energy) }, factor)
      const length = Math.hypot(...q)
      return q.map(v => (n > 0 ? v / length : 0))
    })
  }
  const gap = (a: number[][], b: number[][]) =>
    average(a.map((q, i) => q.reduce((sum, v, p) => sum + (v - (b[i]?.[p] ?? Number.NaN)) ** 2, 0)))

  it('compares where the channels of both are active', async () => {
    const [x, t] = [randomTensor([3, 2, 4, 4], 1), randomTensor([3, 5, 4, 4], 2)]
    await expectLoss({ loss, x, t }, gap(maps(x), maps(t)))
    await expectZero({ loss, x, t: x })
    await expectZero({ loss, x, t: { ...x, data: (x.data as Float64Array).map(v => 3 * v) } })
    const large = randomTensor([3, 5, 8, 8], 3)
    await expectLoss({ loss, x, t: large }, gap(maps(x), maps(large, 2)))
  })

  it('takes hidden states, whose channels come last', async () => {
    const [x, t] = [randomTensor([2, 6, 3], 4), randomTensor([2, 6, 8], 5)]
    const energies = (v: Tensor, width: number) =>
      rowsOf(v).map(row => {
        const q = Array.from(
          { length: 6 },
          (_, p) => Math.hypot(...row.slice(p * width, (p + 1) * width)) ** 2,
        )
        return q.map(e => e / Math.hypot(...q))
      })
    await expectLoss({ loss, x, t }, gap(energies(x, 3), energies(t, 8)))
    await expect(withLoss({ loss, x, t: randomTensor([2, 7, 8], 5) })).rejects.toThrow(
      "The loss attention t → y cannot compare the student's y [n, 6, 3] with the teacher's t [m, 7, 8].",
    )
  })

  it('stays finite on maps of zeros', async () => {
    const [zero, t] = [
      { ...randomTensor([2, 3, 2, 2], 1, 'float32'), data: new Float32Array(24) },
      randomTensor([2, 3, 2, 2], 2, 'float32'),
    ]
    const { loss: value, gradients } = await lossOf({ loss, x: zero, t })
    expect(value).toBeCloseTo(1, 5)
    expect(gradients.x?.map(Math.abs)).toEqual(Array(24).fill(0))
  })
})
