import { describe, expect, it } from 'vitest'
import { pruneTechniques } from '../fixtures/prune'
import { carriedValues, fieldsOf, initialValues } from '../variant/schema'
import { pruneMethods } from './methods'
import {
  amountOf,
  defaultName,
  pruneFields,
  recoveryFrom,
  recoveryOptions,
  recoveryProblem,
  speedOf,
} from './options'

function fields(id: string) {
  return fieldsOf(pruneTechniques.find(t => t.id === id)?.schema ?? {})
}
const names = (list: readonly { name: string }[]) => list.map(f => f.name)

describe('fields', () => {
  it('each have one place, whatever the technique', () => {
    for (const { id } of pruneTechniques) {
      const all = names(fields(id)).filter(n => !['widths', 'recovery', 'recover'].includes(n))
      const { amount, main, more, training } = pruneFields(fields(id))
      expect(names([...amount, ...main, ...more, ...training]).sort()).toEqual([...all].sort())
      expect(names(training)).toContain('learningRate')
      expect(amount.length).toBeGreaterThan(0)
    }
    expect(names(pruneFields(fields('prune.channels')).main)).toEqual(['importance', 'distribution'])
  })

  it('are carried to another technique where it can have them', () => {
    const from = fields('prune.channels')
    const values = { ...initialValues(from), amount: 0.3, target: 'channels', importance: 'taylor' }
    expect(carriedValues(fields('prune.ffn'), from, values)).toMatchObject({
      amount: 0.3,
      target: 'channels',
      importance: 'taylor',
    })
    // Blocks are not counted in channels, nor scored by Taylor.
    expect(carriedValues(fields('prune.blocks'), from, values)).toMatchObject({
      amount: 0.3,
      target: 'blocks',
      importance: 'even',
    })
  })

  it('come with structure first, weights last', () => {
    expect(pruneMethods([...pruneTechniques].reverse()).map(m => m.id)).toEqual([
      'prune.channels',
      'prune.ffn',
      'prune.heads',
      'prune.blocks',
      'prune.low-rank',
      'prune.magnitude',
      'prune.n-m',
    ])
  })
})

describe('recovery', () => {
  it('is distillation for three epochs where there is data, else none', () => {
    expect(recoveryOptions(recoveryFrom({}, true))).toEqual({ recovery: 'distill', recover: 3 })
    expect(recoveryOptions(recoveryFrom({}, false))).toEqual({ recovery: 'distill', recover: 0 })
  })

  it('reads options back', () => {
    for (const options of [
      { recovery: 'labels', recover: 7 },
      { recovery: 'distill', recover: 0 },
      { recovery: 'statistics', recover: 0 },
    ]) {
      expect(recoveryOptions(recoveryFrom(options, true))).toEqual(options)
    }
  })

  it('says what is missing', () => {
    expect(recoveryProblem('labels', { data: true, labels: false })).toBe(
      'Needs labels, and the data has none.',
    )
    expect(recoveryProblem('statistics', { data: false, labels: false })).toBe(
      'Needs data, and this study has none.',
    )
    expect(recoveryProblem('none', { data: false, labels: false })).toBeNull()
    expect(recoveryProblem('distill', { data: true, labels: false })).toBeNull()
  })
})

describe('words', () => {
  it('turn a share of the latency into how much faster, and back', () => {
    expect(speedOf(0.5)).toBe(2)
    expect(amountOf(2)).toBe(0.5)
    expect(speedOf(amountOf(3.3))).toBeCloseTo(3.3, 12)
  })

  it('name a variant by what it is', () => {
    const hand = [{ group: 'a', keep: 0.5 }]
    expect(defaultName('prune.channels', { amount: 0.5, target: 'macs' }, [])).toBe('Channels −50 % MACs')
    expect(defaultName('prune.channels', { amount: 0.5, target: 'latency' }, hand)).toBe(
      'Channels 2× faster, 1 by hand',
    )
    expect(defaultName('prune.blocks', { amount: 1 / 3, target: 'blocks' }, [])).toBe('Blocks −33.3 %')
    expect(defaultName('prune.n-m', { n: 2, m: 4 }, [])).toBe('2:4 sparse')
  })
})
