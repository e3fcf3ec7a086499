import { describe, expect, it } from 'vitest'
import { escapeText } from '../../shared/escape'
import { makeReportInput, makeVariant } from './fixture'
import { html } from './html'
import { reportHtml } from './report'
import { linearScale } from './scale'
import { verdicts } from './verdict'

const HOSTILE = `"><script>alert(1)</script>&'\u0007`

describe('html', () => {
  it('escapes values and keeps fragments', () => {
    expect(html`<p title="${'a"b'}">${'<b>'}${html`<i>${1}</i>`}${null}${false}${['&', 2]}</p>`.markup).toBe(
      '<p title="a&quot;b">&lt;b&gt;<i>1</i>&amp;2</p>',
    )
    expect(escapeText('a\u0000b')).toBe('a\ufffdb')
  })
})

describe('linearScale', () => {
  it('covers the values with round ticks', () => {
    const scale = linearScale([0.913, 0.987], 0, 100)
    expect(scale.ticks).toEqual([0.9, 0.92, 0.94, 0.96, 0.98, 1])
    expect(scale.at(0.9)).toBe(0)
    expect(scale.at(1)).toBe(100)
    expect(scale.at(0.95)).toBeCloseTo(50)
  })

  it('gives a single value and nothing at all some room', () => {
    const one = linearScale([5, 5], 0, 10)
    expect(one.low).toBeLessThan(5)
    expect(one.high).toBeGreaterThan(5)
    expect(linearScale([], 0, 10).ticks.length).toBeGreaterThan(1)
    expect(linearScale([Number.NaN, 3], 0, 10).low).toBeLessThan(3)
  })
})

describe('verdicts', () => {
  it('names the best variant without a shown loss, the slow and the losing ones', () => {
    expect(verdicts(makeReportInput())).toEqual([
      'The smallest variant with no loss shown is good: 3.8× smaller (1.00 MB → 260 kB); 2.0× faster (1.9× to 2.1× faster); no accuracy difference shown on 1,000 samples: −0.10 points (−0.40 to +0.20).',
      'Slower than teacher on this machine: bad.',
      'A loss is shown for: bad.',
    ])
  })

  it('claims nothing without data', () => {
    const input = makeReportInput()
    for (const v of input.variants) {
      v.evaluation = null
      v.variant = { ...v.variant, evaluation: null }
    }
    expect(verdicts(input)[0]).toBe(
      'No variant was evaluated against the reference on data, so nothing is known of their quality.',
    )
    expect(verdicts({ ...input, variants: [] })).toEqual(['There is nothing to compare yet.'])
    expect(verdicts({ ...input, variants: input.variants.slice(0, 1) })).toEqual([
      'teacher has no variants to compare it with yet.',
    ])
  })

  it('says so when every variant loses', () => {
    const input = makeReportInput()
    input.variants = input.variants.filter(v => v.variant.id !== 'good')
    expect(verdicts(input)[0]).toBe('Every variant that was evaluated loses quality against teacher.')
  })
})

describe('reportHtml', () => {
  it('holds charts, comparison, variants, method and evidence, and nothing from outside', () => {
    const text = reportHtml(makeReportInput())
    expect(text.match(/<svg /g)).toHaveLength(5)
    expect(text.match(/<polyline class="front"/g)).toHaveLength(2)
    expect(text).toContain('no difference shown: −0.10 points (−0.40 to +0.20), p = 0.600 (exact McNemar)')
    expect(text).toContain('Accuracy: −8.00 points (−10.00 to −6.00), p &lt; 0.001 (exact McNemar)')
    expect(text).toContain('head, tail')
    expect(text).toContain('split with seed 3 into 6000 training, 1000 calibration and 3000 test samples')
    expect(text).toContain('not available (no counter can be read on this machine)')
    for (const id of ['hash-teacher', 'hash-good', 'digest-good', 'data-hash']) expect(text).toContain(id)
    expect(text).not.toMatch(/<script|<link|<img|<iframe|url\(|@import|https?:/)
  })

  it('escapes hostile names everywhere', () => {
    const input = makeReportInput()
    input.study.name = HOSTILE
    for (const v of input.variants) {
      v.variant = { ...v.variant, name: HOSTILE }
      if (v.evaluation) for (const c of v.evaluation.perClass) c.name = HOSTILE
      if (v.plan) for (const n of v.plan.notes) n.node = n.message = HOSTILE
      if (v.profile) for (const o of v.profile.byOperator) o.op = HOSTILE
    }
    const [data] = input.datasets
    if (data) data.spec.source = HOSTILE
    const text = reportHtml(input)
    expect(text).not.toContain('<script')
    expect(text).not.toContain('alert(1)</script>')
    expect(text).not.toContain('\u0007')
    expect(text).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&amp;&#39;\ufffd')
  })

  it('is balanced markup', () => {
    const text = reportHtml(makeReportInput())
    for (const tag of [
      'section',
      'table',
      'tr',
      'td',
      'th',
      'ul',
      'li',
      'svg',
      'figure',
      'div',
      'text',
      'p',
      'h3',
    ]) {
      const open = text.match(new RegExp(`<${tag}[\\s>]`, 'g'))?.length ?? 0
      expect([tag, open]).toEqual([tag, text.match(new RegExp(`</${tag}>`, 'g'))?.length ?? 0])
    }
    expect(text).not.toMatch(/undefined|NaN|\[object/)
  })

  it('stands a study of one unmeasured model, and of none', () => {
    const input = makeReportInput()
    const lone = { ...input, variants: [], datasets: [], benchmark: null }
    expect(reportHtml(lone)).toContain('There is nothing to compare yet.')
    const variant = makeVariant('only', { parentId: null, step: null, plan: null, verification: null })
    const text = reportHtml({ ...lone, variants: [{ variant, evaluation: null, plan: null, profile: null }] })
    expect(text).toContain('only has no variants to compare it with yet.')
    expect(text).not.toContain('<svg')
  })
})
