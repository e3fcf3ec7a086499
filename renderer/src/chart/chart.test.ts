import { describe, expect, it } from 'vitest'
import type { Variant } from '../../../shared/domain'
import { metricById } from '../../../shared/metrics'
import { study } from '../fixtures/study'
import { constraintText, isWithin, limitText, meetsAll } from './constraints'
import { placeLabels } from './labels'
import { stairBoxes } from './obstacles'
import { axisMetrics, chartPoints, frontPath, nearest, neighbour } from './points'
import { axisDomain, axisTicks, project, tickText, unproject } from './scale'

const size = metricById('sizeBytes')
const accuracy = metricById('accuracy')
const NOTHING = { x: null, y: null }

describe('points and front', () => {
  const points = chartPoints(study.variants, size, accuracy)

  it('leave out what was not measured', () => {
    expect(points).toHaveLength(8)
    expect(points.map(p => p.id)).not.toContain('v8')
    expect(points.filter(p => p.teacher).map(p => p.id)).toEqual(['v0'])
  })

  it('draw the front as a staircase from the best x on', () => {
    const at = (p: { x: { value: number }; y: { value: number } }) => ({
      x: p.x.value / 1000,
      y: p.y.value * 100,
    })
    // v7 smallest, then fc1 in 4 bits, min-max, dynamic, half precision; the teacher is no better than half precision.
    expect(frontPath(points, size, accuracy, at)).toBe(
      'M251.6,98.5H446.2V98.8H478.3V98.9H482.8V98.9H921.0V99.0',
    )
    expect(frontPath([], size, accuracy, at)).toBe('')
  })

  it('choose axes that can be shown', () => {
    const { x, y } = axisMetrics(study.variants, { x: null, y: null })
    expect([x.id, y.id]).toEqual(['sizeBytes', 'accuracy'])
    expect(axisMetrics(study.variants, { x: 'mae', y: 'latency1' }).x.id).toBe('sizeBytes')
    expect(axisMetrics(study.variants, { x: 'macs', y: 'latency1' }).y.id).toBe('latency1')
  })

  it('go from what the file tells to speed to accuracy as measurements arrive, and never show one metric twice', () => {
    const axes = (change: Partial<Variant>, chosen: { x: string | null; y: string | null } = NOTHING) => {
      const { x, y } = axisMetrics(
        study.variants.map(v => ({ ...v, ...change })),
        chosen,
      )
      return [x.id, y.id]
    }
    const bare = { evaluation: null, benchmark: null }
    expect(axes(bare)).toEqual(['sizeBytes', 'macs'])
    expect(axes({ evaluation: null })).toEqual(['sizeBytes', 'latency1'])
    expect(axes({})).toEqual(['sizeBytes', 'accuracy'])
    // A choice that went with its measurements gives way; one that clashes with the default moves the default.
    expect(axes(bare, { x: null, y: 'accuracy' })).toEqual(['sizeBytes', 'macs'])
    expect(axes({}, { x: null, y: 'sizeBytes' })).toEqual(['latency1', 'sizeBytes'])
    expect(axes({}, { x: 'accuracy', y: null })).toEqual(['accuracy', 'latency1'])
  })

  it('answer to the pointer within reach and to arrows along an axis', () => {
    const places = [
      { x: 10, y: 10 },
      { x: 50, y: 40 },
      { x: 30, y: 90 },
    ]
    const [a, b, c] = places
    expect(nearest(places, { x: 14, y: 13 }, 20)).toBe(a)
    expect(nearest(places, { x: 400, y: 400 }, 20)).toBeNull()
    expect(neighbour(places, a ?? null, 'ArrowRight')).toBe(c)
    expect(neighbour(places, a ?? null, 'ArrowDown')).toBe(b)
    expect(neighbour(places, a ?? null, 'ArrowLeft')).toBe(a)
    expect(neighbour(places, null, 'ArrowRight')).toBe(a)
  })
})

describe('limits', () => {
  it('allow the good side, the limit itself included', () => {
    expect(isWithin(5, 5, size)).toBe(true)
    expect(isWithin(5.1, 5, size)).toBe(false)
    expect(isWithin(0.98, 0.981, accuracy)).toBe(false)
    expect(isWithin(0.99, 0.981, accuracy)).toBe(true)
  })

  it('are met by those that meet every one of them; the unmeasured meet none', () => {
    const limits = [
      { metric: 'sizeBytes', limit: 480_000 },
      { metric: 'accuracy', limit: 0.986 },
    ]
    const met = study.variants.filter(v => meetsAll(v, limits)).map(v => v.id)
    expect(met).toEqual(['v1', 'v2', 'v6'])
    expect(constraintText(study.variants, limits)).toBe('3 of 9 meet size ≤ 480 kB and accuracy ≥ 98.60 %')
    expect(limitText(metricById('latency1'), 0.4)).toBe('latency ×1 ≤ 400 µs')
  })
})

describe('axes', () => {
  it('show every value and interval, and no share above one', () => {
    const [low, high] = axisDomain([{ value: 0.98, low: 0.97, high: 0.999 }], false, true, 'share')
    expect(low).toBeLessThan(0.97)
    expect(high).toBeGreaterThan(0.999)
    expect(high).toBeLessThan(1.001)
    expect(axisDomain([{ value: 5 }], false, true, 'ms')[0]).toBeLessThan(5)
    expect(axisDomain([], true, true, 'ms')).toEqual([1, 10])
  })

  it('have round ticks inside the domain', () => {
    expect(axisTicks([0.1, 1.95], false, 7)).toEqual([0.5, 1, 1.5])
    expect(axisTicks([0.3, 9], true, 8)).toEqual([0.5, 1, 2, 5])
    expect(axisTicks([0.97, 1], false, 6)).toEqual([0.97, 0.975, 0.98, 0.985, 0.99, 0.995, 1])
  })

  it('say ticks in few characters', () => {
    expect(tickText(500_000, 'bytes', [])).toBe('500 kB')
    expect(tickText(1_000_000, 'bytes', [])).toBe('1 MB')
    expect(tickText(0.985, 'share', [0.98, 0.985])).toBe('98.5 %')
    expect(tickText(0.98, 'share', [0.97, 0.98])).toBe('98 %')
    const quarters = [0.985, 0.9875, 0.99, 0.9925]
    expect(quarters.map(t => tickText(t, 'share', quarters))).toEqual([
      '98.50 %',
      '98.75 %',
      '99.00 %',
      '99.25 %',
    ])
    const close = [0.01366, 0.01368, 0.0137, 0.01372]
    expect(close.map(t => tickText(t, 'ms', close))).toEqual(['13.66 µs', '13.68 µs', '13.70 µs', '13.72 µs'])
    const bytes = [20_401_000, 20_403_500, 20_406_000]
    expect(bytes.map(t => tickText(t, 'bytes', bytes))).toEqual(['20.4010 MB', '20.4035 MB', '20.4060 MB'])
  })

  it('take a value to its pixel and back', () => {
    for (const log of [false, true]) {
      const pixel = project(3, [1, 10], log, 400, 20)
      expect(unproject(pixel, [1, 10], log, 400, 20)).toBeCloseTo(3, 10)
    }
    expect(project(10, [1, 100], true, 0, 200)).toBeCloseTo(100, 10)
  })
})

describe('names on the chart', () => {
  const area = { left: 0, right: 300, top: 0, bottom: 200 }
  const wish = (id: string, x: number, y: number, rank = 0) => ({ id, text: `name ${id}`, x, y, rank })

  it('never cover each other; the one that matters more goes first', () => {
    const wishes = Array.from({ length: 30 }, (_, i) => wish(String(i), 150 + (i % 3), 100 + (i % 2), i))
    const placed = placeLabels(wishes, wishes, area)
    expect(placed[0]?.id).toBe('29')
    expect(placed.length).toBeLessThan(9)
    const boxes = placed.map(l => {
      const width = l.text.length * 6.1
      const left = l.anchor === 'start' ? l.x : l.anchor === 'end' ? l.x - width : l.x - width / 2
      return { left, right: left + width, top: l.y - 10, bottom: l.y + 4 }
    })
    for (const [i, a] of boxes.entries()) {
      for (const b of boxes.slice(i + 1)) {
        const covers = a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
        expect(covers).toBe(false)
      }
    }
  })

  it('turn away from the edge and from lines', () => {
    expect(placeLabels([wish('a', 290, 100)], [], area)[0]?.anchor).toBe('end')
    const line = { left: 100, right: 300, top: 98, bottom: 102 }
    expect(placeLabels([wish('a', 100, 100)], [], area, [line])[0]?.anchor).not.toBe('start')
    expect(stairBoxes('M10,50H30V20')).toEqual([
      { left: 8, right: 32, top: 48, bottom: 52 },
      { left: 28, right: 32, top: 18, bottom: 52 },
    ])
  })
})
