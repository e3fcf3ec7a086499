import { describe, expect, it } from 'vitest'
import { study } from '../fixtures/study'
import { lineageRows, techniqueTitle } from './lineage'

const none = new Set<string>()

describe('lineageRows', () => {
  it('puts what was made from a variant below it', () => {
    const rows = lineageRows(study.variants, none)
    expect(rows.map(r => `${r.depth}${r.variant.id}`)).toEqual([
      '0v0',
      '1v1',
      '2v7',
      '1v2',
      '1v3',
      '1v4',
      '1v5',
      '1v6',
      '1v8',
    ])
    expect(rows[0]?.children).toBe(7)
  })

  it('hides what is below a folded row', () => {
    expect(lineageRows(study.variants, new Set(['v1'])).map(r => r.variant.id)).not.toContain('v7')
    expect(lineageRows(study.variants, new Set(['v0']))).toHaveLength(1)
  })

  it('loses nobody when a parent is gone, and takes any depth', () => {
    const orphans = study.variants.filter(v => v.id !== 'v1')
    expect(lineageRows(orphans, none).find(r => r.variant.id === 'v7')?.depth).toBe(0)
    const [first] = study.variants
    if (!first) throw new Error('the fixture is empty')
    const chain = Array.from({ length: 20_000 }, (_, i) => ({
      ...first,
      id: `c${i}`,
      parentId: i ? `c${i - 1}` : null,
    }))
    expect(lineageRows(chain, none).at(-1)?.depth).toBe(19_999)
  })

  it('names the technique', () => {
    const titles = new Map([['quantize.static-int8', 'Static int8']])
    expect(study.variants.slice(0, 2).map(v => techniqueTitle(v, titles))).toEqual(['Teacher', 'Static int8'])
    const [, made] = study.variants
    if (made) expect(techniqueTitle({ ...made, step: null }, titles)).toBe('Imported')
  })
})
