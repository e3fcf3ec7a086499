import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LayerSummary } from '../../../shared/domain'
import { bitsOf, layerColors } from './layer-colors'
import { fitted } from './layer-names'
import { byteRatio, layerRows, operatorHistogram, searchLayers, shapeText } from './layer-rows'
import { squarify, treemapData } from './treemap'

function layer(name: string, bytes: number, macs: number | null = 0, op = 'Conv'): LayerSummary {
  return { name, op, parameters: bytes / 4, macs, bytes, outputShape: null }
}

describe('layerRows', () => {
  it('matches by name, repeated names in order, and leaves the rest unmatched', () => {
    const rows = layerRows(
      [layer('a', 10), layer('b', 5), layer('a', 7), layer('new', 1)],
      [layer('a', 40), layer('a', 28), layer('b', 0)],
    )
    expect(rows.map(r => r.referenceBytes)).toEqual([40, 0, 28, undefined])
    expect(rows.map(byteRatio)).toEqual([0.25, null, 0.25, null])
  })

  it('finds rows that hold every word, in name or operator', () => {
    const rows = layerRows([layer('/features/conv1', 1), layer('/fc1', 1, 0, 'Gemm')], undefined)
    expect(searchLayers(rows, ' CONV features ').map(r => r.index)).toEqual([0])
    expect(searchLayers(rows, 'gemm').map(r => r.index)).toEqual([1])
    expect(searchLayers(rows, '')).toHaveLength(2)
    expect(searchLayers(rows, 'nothing')).toEqual([])
  })

  it('writes shapes with unknown dimensions', () => {
    expect(shapeText(['batch', 3, ''])).toBe('batch × 3 × ?')
    expect(shapeText([])).toBe('scalar')
    expect(shapeText(null)).toBe('unknown')
  })
})

describe('operatorHistogram', () => {
  it('keeps operators that only the reference has', () => {
    expect(operatorHistogram({ Conv: 3, QuantizeLinear: 5 }, { Conv: 3, Relu: 2 })).toEqual([
      { op: 'QuantizeLinear', count: 5, reference: 0 },
      { op: 'Conv', count: 3, reference: 3 },
      { op: 'Relu', count: 0, reference: 2 },
    ])
  })
})

describe('treemapData', () => {
  it('never draws an unknown cost as zero: it is counted apart', () => {
    const rows = layerRows([layer('a', 4, 100), layer('b', 4, null), layer('c', 4, 0)], undefined)
    const data = treemapData(rows, 'macs')
    expect(data).toMatchObject({ total: 100, unknown: 1, gathered: 0 })
    expect(data.items.map(i => i.name)).toEqual(['a'])
  })

  it('gathers what is too small to see and loses no byte', () => {
    const rows = layerRows(
      [layer('big', 1_000_000), ...Array.from({ length: 300 }, (_, i) => layer(`s${i}`, 100))],
      undefined,
    )
    const data = treemapData(rows, 'bytes')
    expect(data.items.map(i => i.name)).toEqual(['big', '300 smaller layers'])
    expect(data.gathered).toBe(300)
    expect(data.items.reduce((s, i) => s + i.value, 0)).toBe(data.total)
  })

  it('is empty for a model without weights', () => {
    expect(treemapData(layerRows([layer('a', 0)], undefined), 'bytes').items).toEqual([])
  })
})

describe('squarify', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 60 })
  const item = (value: number, index: number) => ({ index, name: String(index), op: '', value })

  it('gives every item its share of the area, inside the rectangle, without overlap', () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 50, max: 900 }), (values, width) => {
        const items = values.sort((a, b) => b - a).map(item)
        const total = values.reduce((a, b) => a + b, 0)
        const tiles = squarify(items, width, 250)
        expect(tiles).toHaveLength(items.length)
        for (const t of tiles) {
          expect(t.width * t.height).toBeCloseTo((t.value / total) * width * 250, 3)
          expect(t.x).toBeGreaterThanOrEqual(-1e-6)
          expect(t.x + t.width).toBeLessThanOrEqual(width + 1e-6)
          expect(t.y + t.height).toBeLessThanOrEqual(250 + 1e-6)
        }
        for (const [i, a] of tiles.entries()) {
          for (const b of tiles.slice(i + 1)) {
            const wide = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)
            const high = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y)
            expect(Math.min(wide, high)).toBeLessThanOrEqual(1e-6)
          }
        }
      }),
      { numRuns: 60, seed: 7 },
    )
  })

  it('keeps tiles near square: the example of the paper has no side more than four times the other', () => {
    const tiles = squarify([6, 6, 4, 3, 2, 2, 1].map(item), 600, 400)
    const worst = Math.max(...tiles.map(t => Math.max(t.width / t.height, t.height / t.width)))
    expect(tiles[0]).toMatchObject({ x: 0, y: 0, width: 300, height: 200 })
    expect(worst).toBeLessThan(4)
  })

  it('draws nothing into no room', () => {
    expect(squarify([item(1, 0)], 0, 250)).toEqual([])
  })
})

describe('names and colours', () => {
  it.each([
    ['/classifier/fc1/Gemm', 'Gemm', 30, 'classifier/fc1'],
    ['/classifier/fc1/Gemm', 'Gemm', 6, 'fc1'],
    ['/encoder/layer.3/intermediate/dense/MatMul_12', 'MatMul', 12, '3 dense'],
    ['/encoder/layer.3/intermediate/dense/MatMul_12', 'MatMul', 5, 'dense'],
    ['/net/9/Gemm', 'Gemm', 30, 'net/Gemm 9'],
    ['/net/9/Gemm', 'Gemm', 7, 'Gemm 9'],
    ['averylongname', 'Conv', 6, 'avery…'],
    ['Conv', 'Conv', 8, 'Conv'],
  ])('%s (%s) in %d characters is %s', (name, op, room, text) => {
    expect(fitted(name, op, room)).toBe(text)
  })

  it('tells the stored width of weights', () => {
    expect(bitsOf({ parameters: 1000, bytes: 1000 })).toBe(8)
    expect(bitsOf({ parameters: 1000, bytes: 520 })).toBe(4)
    expect(bitsOf({ parameters: 0, bytes: 0 })).toBeNull()
  })

  it('keeps eight hues apart and gives the rest one neutral colour', () => {
    const rows = layerRows(
      Array.from({ length: 12 }, (_, i) => layer(`l${i}`, 120 - i, 0, `Op${i}`)),
      undefined,
    )
    const { key, colorOf } = layerColors(rows, 'operator', r => r.bytes)
    expect(key.map(k => k.label)).toEqual(['Op0', 'Op1', 'Op2', 'Op3', 'Op4', 'Op5', 'Op6', 'others'])
    expect(new Set(key.map(k => k.color)).size).toBe(8)
    expect(rows[11] && colorOf(rows[11])).toBe(key[7]?.color)
  })
})
