import { describe, expect, it } from 'vitest'
import type { TensorInfo } from '../../shared/domain'
import { AUGMENTATIONS, type Augmentation } from '../../shared/training'
import { Random } from '../data/random'
import type { Tensor } from '../runtime/tensor'
import { makeAugmenter, pictureLayoutOf } from './augment'
import { inspectProblem } from './testing-errors'

const [H, W] = [20, 24]
const info = (shape: TensorInfo['shape'], type = 'float32', name = 'x'): TensorInfo => ({ name, type, shape })

/** Pictures [n, 3, H, W] with value(channel, y, x). */
function pictures(n: number, value: (c: number, y: number, x: number) => number): Float32Array {
  return Float32Array.from({ length: n * 3 * H * W }, (_, i) => {
    const [c, y, x] = [Math.floor(i / (H * W)) % 3, Math.floor(i / W) % H, i % W]
    return value(c, y, x)
  })
}

function applied(what: Augmentation[], data: Float32Array, seed = 1): Float32Array {
  const n = data.length / (3 * H * W)
  const x: Tensor = { type: 'float32', dims: [n, 3, H, W], data: data.slice() }
  makeAugmenter(what, [info([3, H, W])])?.({ x }, new Random(seed))
  return x.data as Float32Array
}

const mean = (a: ArrayLike<number>) => Array.from(a).reduce((s, v) => s + v, 0) / a.length
const at = (data: Float32Array, n: number, c: number, y: number, x: number) =>
  data[((n * 3 + c) * H + y) * W + x] ?? Number.NaN

describe('layouts of pictures', () => {
  it('are told by where 1, 3 or 4 channels lie', () => {
    expect(pictureLayoutOf([3, 32, 30])).toMatchObject({ channels: 3, height: 32, width: 30 })
    expect(pictureLayoutOf([32, 30, 1])).toMatchObject({ channels: 1, height: 32, width: 30 })
    expect(pictureLayoutOf([28, 28])).toMatchObject({ channels: 1, height: 28, width: 28 })
    for (const none of [[2], [3, 'h', 32], [16, 8, 8], [2, 100], [3, 4, 5, 6]])
      expect(pictureLayoutOf(none)).toBeUndefined()
  })
})

describe('moving', () => {
  it('shifts by up to a tenth, each picture its own way, all channels alike', () => {
    // A plane: what is seen at a place says where it came from.
    const moved = applied(
      ['shift'],
      pictures(200, (_, y, x) => x + 100 * y),
    )
    const shifts = Array.from({ length: 200 }, (_, n) => {
      const [c0, c2] = [at(moved, n, 0, 10, 12), at(moved, n, 2, 10, 12)]
      expect(c0).toBe(c2)
      const dx = at(moved, n, 0, 10, 13) - c0
      expect(dx).toBeCloseTo(1, 3)
      return c0 - (12 + 100 * 10)
    })
    const tops = shifts.map(s => Math.round(s / 100))
    expect(Math.max(...shifts.map(Math.abs))).toBeLessThanOrEqual(100 * 0.1 * H + 0.1 * W)
    expect(new Set(tops).size).toBeGreaterThan(3)
    expect(new Set(shifts).size).toBe(200)
  })

  it('mirrors half of the pictures exactly, and leaves the others', () => {
    const before = pictures(100, (c, y, x) => Math.sin(c + 3 * y + 7 * x))
    const after = applied(['flip'], before)
    let mirrored = 0
    for (let n = 0; n < 100; n++) {
      const same = at(after, n, 1, 4, 5) === at(before, n, 1, 4, 5)
      if (!same) mirrored++
      for (const [y, x] of [
        [0, 0],
        [4, 5],
        [19, 23],
      ] as const)
        expect(at(after, n, 1, y, x)).toBeCloseTo(at(before, n, 1, y, same ? x : W - 1 - x), 5)
    }
    expect(mirrored).toBeGreaterThan(30)
    expect(mirrored).toBeLessThan(70)
  })

  it('rotates about the centre: it stays, the mean about stays, and corners move by no more than 12°', () => {
    const before = pictures(50, (_, y, x) => Math.exp(-((y - 9.5) ** 2 + (x - 11.5) ** 2) / 30))
    const after = applied(['rotate'], before)
    expect(mean(after)).toBeCloseTo(mean(before), 2)
    const plane = applied(
      ['rotate'],
      pictures(50, (_, __, x) => x - 11.5),
    )
    for (let n = 0; n < 50; n++) {
      const centre = (at(plane, n, 0, 9, 11) + at(plane, n, 0, 10, 12)) / 2
      expect(centre).toBeCloseTo(0, 4)
      // Along the columns the source's x changes by −sin of the angle.
      const slope = at(plane, n, 0, 11, 12) - at(plane, n, 0, 10, 12)
      expect(Math.abs(slope)).toBeLessThanOrEqual(Math.sin((12 * Math.PI) / 180) + 1e-5)
    }
  })

  it('crops to at least four fifths, inside the picture', () => {
    const after = applied(
      ['crop'],
      pictures(100, (_, __, x) => x),
    )
    for (let n = 0; n < 100; n++) {
      const step = at(after, n, 0, 5, 12) - at(after, n, 0, 5, 11)
      expect(step).toBeGreaterThanOrEqual(0.8 - 1e-4)
      expect(step).toBeLessThanOrEqual(1 + 1e-4)
      // The frame lies within the picture: of its outermost pixels no more than a tenth lies beyond a centre.
      for (const [a, b] of [
        [0, 1],
        [W - 2, W - 1],
      ] as const) {
        const edge = at(after, n, 0, 5, b) - at(after, n, 0, 5, a)
        expect(edge).toBeLessThanOrEqual(step + 1e-4)
        expect(edge).toBeGreaterThanOrEqual(step - 0.1 - 1e-4)
      }
    }
  })

  it('leaves a picture of one colour as it is, whatever is done', () => {
    const before = pictures(3, c => c + 0.5)
    const moves = AUGMENTATIONS.filter(a => a !== 'token-dropout')
    applied(moves, before).forEach((v, i) => {
      expect(v).toBeCloseTo(before[i] ?? 0, 5)
    })
  })
})

describe('cutout', () => {
  it('fills one square of a third of the side, or what lies inside, with the mean of its channel', () => {
    const before = pictures(100, (c, y, x) => 10 * c + y * W + x)
    const after = applied(['cutout'], before)
    const side = Math.round(0.35 * H)
    let whole = 0
    for (let n = 0; n < 100; n++) {
      const changed: [number, number][] = []
      const middle = mean(before.subarray(n * 3 * H * W, (n * 3 + 1) * H * W))
      for (let y = 0; y < H; y++)
        for (let x = 0; x < W; x++) {
          if (at(after, n, 0, y, x) === at(before, n, 0, y, x)) continue
          changed.push([y, x])
          expect(at(after, n, 0, y, x)).toBeCloseTo(middle, 3)
          expect(at(after, n, 2, y, x)).toBeCloseTo(middle + 20, 3)
        }
      const spread = (axis: 0 | 1) => {
        const places = changed.map(p => p[axis])
        return Math.max(...places) - Math.min(...places) + 1
      }
      expect(changed.length).toBe(spread(0) * spread(1))
      expect(Math.max(spread(0), spread(1))).toBeLessThanOrEqual(side)
      if (changed.length === side * side) whole++
    }
    expect(whole).toBeGreaterThan(20)
  })
})

it.each([
  ['all of them', AUGMENTATIONS.filter(a => a !== 'token-dropout')],
  ['a rotation', ['rotate' as const]],
])('does the same to [C, H, W] and [H, W, C]: %s', (_, what) => {
  const before = pictures(4, (c, y, x) => Math.sin(c + y / 3 + x / 5))
  const after = applied([...what], before)
  const turned = new Float32Array(before.length)
  const place = (n: number, c: number, y: number, x: number) => ((n * H + y) * W + x) * 3 + c
  const each = (visit: (n: number, c: number, y: number, x: number) => void) => {
    for (let n = 0; n < 4; n++)
      for (let c = 0; c < 3; c++) for (let y = 0; y < H; y++) for (let x = 0; x < W; x++) visit(n, c, y, x)
  }
  each((n, c, y, x) => {
    turned[place(n, c, y, x)] = at(before, n, c, y, x)
  })
  const x: Tensor = { type: 'float32', dims: [4, H, W, 3], data: turned }
  makeAugmenter([...what], [info([H, W, 3])])?.({ x }, new Random(1))
  let worst = 0
  each((n, c, y, px) => {
    worst = Math.max(worst, Math.abs((turned[place(n, c, y, px)] ?? 0) - at(after, n, c, y, px)))
  })
  expect(worst).toBe(0)
})

it('does the same from the same numbers, and something else from others', () => {
  const before = pictures(4, (c, y, x) => Math.sin(c + y / 3 + x / 5))
  const all = AUGMENTATIONS.filter(a => a !== 'token-dropout')
  expect(applied(all, before, 3)).toEqual(applied(all, before, 3))
  expect(applied(all, before, 3)).not.toEqual(applied(all, before, 4))
})

describe('token dropout', () => {
  const ids = (n: number, length: number): Tensor => ({
    type: 'int64',
    dims: [n, length],
    data: BigInt64Array.from({ length: n * length }, (_, i) => BigInt(i + 1)),
  })

  it('clears a tenth of the mask and leaves the tokens, never the first', () => {
    const tokens = ids(50, 40)
    const mask: Tensor = { type: 'int64', dims: [50, 40], data: new BigInt64Array(2000).fill(1n) }
    const inputs = [info([40], 'int64', 'input_ids'), info([40], 'int64', 'attention_mask')]
    makeAugmenter(['token-dropout'], inputs)?.({ input_ids: tokens, attention_mask: mask }, new Random(1))
    expect(tokens).toEqual(ids(50, 40))
    const hidden = Array.from(mask.data as BigInt64Array).filter(v => v === 0n).length
    expect(hidden / (50 * 39)).toBeGreaterThan(0.07)
    expect(hidden / (50 * 39)).toBeLessThan(0.13)
    for (let n = 0; n < 50; n++) expect(mask.data[n * 40]).toBe(1n)
  })

  it('puts other tokens of the batch in their place where there is no mask', () => {
    const tokens = ids(50, 40)
    makeAugmenter(['token-dropout'], [info([40], 'int64')])?.({ x: tokens }, new Random(1))
    const changed = Array.from(tokens.data as BigInt64Array).filter((v, i) => v !== BigInt(i + 1)).length
    expect(changed / 2000).toBeGreaterThan(0.06)
    expect(changed / 2000).toBeLessThan(0.13)
    expect(Math.max(...Array.from(tokens.data as BigInt64Array, Number))).toBeLessThanOrEqual(2000)
  })
})

it.each([
  ['flip', [info([10])], 'pictures in float32, such as [3, 32, 32]; a sample here is x float32 [10].'],
  [
    'cutout',
    [info([3, 8, 8], 'uint8')],
    'pictures in float32, such as [3, 32, 32]; a sample here is x uint8 [3, 8, 8].',
  ],
  ['token-dropout', [info([3, 8, 8])], 'token numbers; a sample here is x float32 [3, 8, 8].'],
] as const)('refuses %s where it does not fit', async (what, inputs, rest) => {
  const run = async () => makeAugmenter([what], inputs)
  expect(await inspectProblem(run())).toMatchObject({
    code: 'bad-option',
    message: `The augmentation ${what} needs ${rest}`,
    where: 'augment',
    action: `Leave ${what} out.`,
  })
})

it('is nothing where nothing is wanted', () => {
  expect(makeAugmenter([], [info([3, 8, 8])])).toBeNull()
})
