import { describe, expect, it } from 'vitest'
import type { Variant } from '../../../shared/domain'
import { ownComparison } from '../../../shared/verdict'
import { study, withTokens } from '../fixtures/study'
import { metricRows } from './metric-rows'

function variant(id: string): Variant {
  const found = study.variants.find(v => v.id === id)
  if (!found) throw new Error(`No ${id} in the fixture`)
  return found
}

function rowOf(id: string, metric: string, change: (v: Variant) => Variant = v => v) {
  const [reference, other] = [variant('v0'), change(variant(id))]
  const row = metricRows(reference, other, ownComparison(reference, other)).find(r => r.metric.id === metric)
  if (!row) throw new Error(`No row for ${metric}`)
  return row
}

describe('metricRows', () => {
  it('uses the paired test for accuracy, not the two intervals', () => {
    // The single intervals of 98.97 % and 98.67 % overlap; paired on the same samples the loss is shown.
    const row = rowOf('v2', 'accuracy')
    expect(row).toMatchObject({ basis: 'paired', tone: 'worse', change: '−0.30 points' })
    expect(row.how).toBe('−0.30 points (−0.55 to −0.09); exact McNemar, p = 0.004')
  })

  it('claims nothing inside the noise', () => {
    expect(rowOf('v1', 'accuracy')).toMatchObject({ tone: 'uncertain', change: 'no difference shown' })
  })

  it('takes tokens per second from turns with the reference, where it is a language model', () => {
    const [reference, other] = [withTokens(variant('v0'), 100), withTokens(variant('v1'), 180)]
    const rows = metricRows(reference, other, ownComparison(reference, other))
    expect(rows.find(r => r.metric.id === 'tokensPerSecond')).toMatchObject({
      basis: 'interleaved',
      tone: 'better',
      change: '1.8× faster',
      variant: { value: 180 },
    })
    expect(rows.find(r => r.metric.id === 'promptTokensPerSecond')?.change).toBe('no difference shown')
  })

  it('takes latency from interleaved ratios', () => {
    expect(rowOf('v1', 'latency1')).toMatchObject({
      basis: 'interleaved',
      tone: 'better',
      change: '2.1× faster',
    })
    expect(rowOf('v4', 'latency32')).toMatchObject({ tone: 'worse', change: '11× slower' })
  })

  it('shows the reference as it was timed in the run of the variant, not in an earlier one', () => {
    const teacher = variant('v0')
    const row = rowOf('v1', 'latency1', v => {
      const own = v.benchmark?.rows.find(r => r.model === v.model && r.batch === 1)
      if (!v.benchmark || !own) throw new Error('The fixture lost its benchmark')
      const together = { ...own, model: teacher.model, latencyMs: { ...own.latencyMs, median: 123 } }
      return { ...v, benchmark: { ...v.benchmark, rows: [together, own] } }
    })
    expect(row.reference?.value).toBe(123)
  })

  it('claims nothing of latencies that were not timed together', () => {
    const alone = (v: Variant) => ({ ...v, benchmark: v.benchmark && { ...v.benchmark, ratios: [] } })
    const row = rowOf('v6', 'latency1', v => {
      const known = alone(v)
      for (const r of known.benchmark?.rows ?? []) Object.assign(r.latencyMs, { low: 0.7, high: 0.9 })
      return known
    })
    expect(row).toMatchObject({ basis: 'none', tone: 'uncertain', change: 'no difference shown' })
  })

  it('compares sizes exactly, in per cent', () => {
    expect(rowOf('v1', 'sizeBytes')).toMatchObject({ basis: 'exact', tone: 'better', change: '−74 %' })
    expect(rowOf('v1', 'macs')).toMatchObject({ tone: 'uncertain', change: 'same' })
  })

  it('shows a change without a claim where no interval is known', () => {
    expect(rowOf('v4', 'loadMs')).toMatchObject({ basis: 'none', tone: 'unknown', change: '+7.11 ms' })
  })

  it('claims a difference of unpaired intervals only when they do not touch', () => {
    const far = (v: Variant): Variant => ({
      ...v,
      evaluation: v.evaluation && {
        ...v.evaluation,
        metrics: { ...v.evaluation.metrics, ece: { value: 0.05, low: 0.04, high: 0.06 } },
      },
    })
    expect(rowOf('v1', 'ece', far)).toMatchObject({ tone: 'worse', change: '+4.66 points' })
    expect(rowOf('v1', 'ece')).toMatchObject({ tone: 'uncertain' })
  })

  it('leaves the change empty where one side was not measured', () => {
    expect(rowOf('v1', 'cosine')).toMatchObject({ change: '', tone: 'unknown', reference: undefined })
    expect(rowOf('v8', 'accuracy')).toMatchObject({ change: '', variant: undefined })
  })
})
