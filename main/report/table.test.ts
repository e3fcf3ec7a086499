import { parse } from 'csv-parse/sync'
import { describe, expect, it } from 'vitest'
import { makeReportInput, makeVariant } from './fixture'
import { comparisonCsv, comparisonJson } from './table'

const variants = makeReportInput().variants.map(v => v.variant)

describe('comparisonCsv', () => {
  it('has a row per variant, with intervals and differences, unrounded', () => {
    const rows = parse(comparisonCsv(variants), { columns: true }) as Record<string, string>[]
    expect(rows.map(r => r.name)).toEqual(['teacher', 'good', 'bad'])
    expect(rows[1]).toMatchObject({
      technique: 'quantize.static-int8',
      parent: 'teacher',
      sizeBytes: '260000',
      accuracy: '0.979',
      accuracy_low: '0.969',
      latency1: '1',
      accuracy_difference: '-0.001',
      accuracy_difference_p: '0.6',
    })
    expect(rows[0]?.accuracy_difference).toBe('')
  })

  it('ends every line with CRLF', () => {
    const text = comparisonCsv(variants)
    expect(text.split('\r\n')).toHaveLength(5)
    expect(text.replaceAll('\r\n', '')).not.toContain('\n')
  })

  it('quotes what must be quoted and disarms formulas', () => {
    const names = ['=HYPERLINK("x")', '+1', '-2', '@sum', '\tx', 'a,"b"\nc', 'plain']
    const rows = parse(comparisonCsv(names.map(name => makeVariant('x', { name }))), {
      columns: true,
    }) as Record<string, string>[]
    expect(rows.map(r => r.name)).toEqual([
      '\'=HYPERLINK("x")',
      "'+1",
      "'-2",
      "'@sum",
      "'\tx",
      'a,"b"\nc',
      'plain',
    ])
  })
})

describe('comparisonJson', () => {
  it('holds the measured values with their intervals', () => {
    const { variants: list } = JSON.parse(comparisonJson(variants))
    expect(Object.keys(list[1])).toEqual([
      'name',
      'technique',
      'parent',
      'model',
      'metrics',
      'differences',
      'latency',
    ])
    expect(list[1].metrics.accuracy).toEqual({ value: 0.979, low: 0.969, high: 0.989 })
    expect(list[1].differences[0].p).toBe(0.6)
    expect(list[1].latency[0].latencyMs.median).toBe(1)
  })
})
