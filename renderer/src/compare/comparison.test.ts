import { describe, expect, it } from 'vitest'
import type { Variant } from '../../../shared/domain'
import { metricById } from '../../../shared/metrics'
import { study } from '../fixtures/study'
import { changeOf, comparisonRows } from './comparison'

function variant(id: string): Variant {
  const found = study.variants.find(v => v.id === id)
  if (!found) throw new Error(`no variant ${id}`)
  return found
}

const [base, other] = [variant('v1'), variant('v3')]
const tested = {
  differences: [
    {
      metric: 'accuracy',
      value: -0.009,
      low: -0.013,
      high: -0.005,
      p: 0.001,
      test: 'exact McNemar',
      shown: true,
    },
  ],
  ratios: [{ a: base.model, b: other.model, batch: 1, threads: 1, ratio: 1.02, low: 0.98, high: 1.06 }],
}

describe('changeOf', () => {
  it('takes the paired test where there is one', () => {
    expect(changeOf(metricById('accuracy'), base, other, tested)).toEqual({
      text: '−0.90 points (−1.30 to −0.50)',
      full: '−0.90 points (−1.30 to −0.50)',
      tone: 'worse',
      tested: true,
    })
  })

  it('says "no difference shown" where the interval covers none', () => {
    expect(changeOf(metricById('latency1'), base, other, tested)).toEqual({
      text: 'no difference shown',
      full: 'no difference shown (between 2 % faster and 6 % slower)',
      tone: 'uncertain',
      tested: true,
    })
  })

  it('falls back to the plain difference and calls it untested', () => {
    expect(changeOf(metricById('latency32'), base, other, tested)).toEqual({
      text: '+3.4 %',
      full: '+3.4 %',
      tone: 'worse',
      tested: false,
    })
    expect(changeOf(metricById('parameters'), base, other, undefined)).toMatchObject({ text: 'same' })
    expect(changeOf(metricById('accuracy'), base, variant('v8'), undefined)).toBeNull()
  })
})

describe('comparisonRows', () => {
  it('has a row per metric one of them has, base first, and marks the best value', () => {
    const rows = comparisonRows(base, [other, variant('v8')], undefined)
    const size = rows.find(r => r.metric.id === 'sizeBytes')
    expect(size?.cells.map(c => [c.variant.id, c.best])).toEqual([
      ['v1', false],
      ['v3', true],
      ['v8', false],
    ])
    expect(rows.find(r => r.metric.id === 'parameters')?.cells.some(c => c.best)).toBe(false)
    expect(rows.map(r => r.metric.id)).not.toContain('mae')
  })
})
