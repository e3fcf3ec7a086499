import { describe, expect, it } from 'vitest'
import { epochOrder, holdOut, randomAt } from './order'

const all = (n: number) => Uint32Array.from({ length: n }, (_, i) => 10 + i)

describe('the order of samples', () => {
  it('holds every sample once, another way in every epoch and for every seed, the same way again', () => {
    const order = epochOrder(all(50), 3, 0)
    expect(Array.from(order).sort((a, b) => a - b)).toEqual(Array.from(all(50)))
    expect(epochOrder(all(50), 3, 0)).toEqual(order)
    expect(epochOrder(all(50), 3, 1)).not.toEqual(order)
    expect(epochOrder(all(50), 4, 0)).not.toEqual(order)
  })

  it('draws each stream by itself, the same at a place whatever came before', () => {
    const draw = (stream: Parameters<typeof randomAt>[1], at: number) => randomAt(0, stream, at).bits()
    const numbers = (['order', 'validation', 'augment', 'dropout', 'mixup'] as const).flatMap(s => [
      draw(s, 0),
      draw(s, 1),
      draw(s, 123_456),
    ])
    expect(new Set(numbers).size).toBe(15)
    expect(draw('dropout', 123_456)).toBe(draw('dropout', 123_456))
  })
})

describe('holding out', () => {
  it('takes each class in its proportion, and both parts together are all', () => {
    const labels = Float64Array.from({ length: 100 }, (_, i) => (i < 70 ? 0 : i < 90 ? 1 : 2))
    const { train, validation } = holdOut(all(100), 0.2, 0, labels)
    const count = (part: Uint32Array, c: number) => Array.from(part).filter(s => labels[s - 10] === c).length
    expect([0, 1, 2].map(c => count(validation, c))).toEqual([14, 4, 2])
    expect([...train, ...validation].sort((a, b) => a - b)).toEqual(Array.from(all(100)))
    expect(Array.from(validation)).toEqual(Array.from(validation).sort((a, b) => a - b))
    expect(holdOut(all(100), 0.2, 1, labels).validation).not.toEqual(validation)
  })

  it('gives the share where every class is small, and holds no class out whole', () => {
    const labels = Float64Array.from({ length: 60 }, (_, i) => Math.floor(i / 3))
    expect(holdOut(all(60), 0.1, 0, labels).validation).toHaveLength(6)
    const single = Float64Array.from({ length: 20 }, (_, i) => i)
    expect(holdOut(all(20), 0.9, 0, single).validation).toHaveLength(0)
    const { train } = holdOut(all(60), 0.9, 0, labels)
    expect(new Set(Array.from(train, s => labels[s - 10])).size).toBe(20)
  })

  it('does without labels, with nothing, and with nothing held out', () => {
    expect(holdOut(all(30), 0.1, 0).validation).toHaveLength(3)
    expect(holdOut(all(30), 0, 0)).toEqual({ train: all(30), validation: new Uint32Array() })
    expect(holdOut(new Uint32Array(), 0.5, 0).train).toHaveLength(0)
  })
})
