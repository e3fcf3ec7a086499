import { describe, expect, test } from 'vitest'
import { TechniqueInfo } from '../shared/domain'
import type { BantamError } from '../shared/errors'
import { mayNeedData, needOf } from '../shared/needs'
import { looksAtSamples } from './quantize/blocks/options'
import { TECHNIQUES, techniqueById, techniqueInfo } from './techniques'

describe.each(TECHNIQUES.map(t => [t.id, t] as const))('%s', (id, technique) => {
  test('has defaults for every option', () => {
    expect(() => technique.options.parse({})).not.toThrow()
  })

  test('names and explains every option', () => {
    const { properties } = techniqueInfo(technique).schema as {
      properties: Record<string, Record<string, unknown>>
    }
    expect(Object.keys(properties).length).toBeGreaterThan(0)
    for (const [name, field] of Object.entries(properties)) {
      expect(field.title, name).toEqual(expect.any(String))
      expect(String(field.description).length, name).toBeGreaterThan(20)
      expect(field, name).toHaveProperty('default')
    }
  })

  test('is what the contract carries', () => {
    expect(TechniqueInfo.parse(JSON.parse(JSON.stringify(techniqueInfo(technique)))).id).toBe(id)
    expect(techniqueById(id)).toBe(technique)
  })
})

test('ids are unique', () => {
  expect(new Set(TECHNIQUES.map(t => t.id)).size).toBe(TECHNIQUES.length)
})

test('an unknown id names those near it', () => {
  try {
    techniqueById('quantize.static')
    expect.unreachable()
  } catch (error) {
    expect((error as BantamError).message).toBe('There is no technique quantize.static.')
    expect((error as BantamError).action).toMatch(/^Near it are quantize\.static-int8, /)
  }
})

describe('what needs data', () => {
  const int4 = techniqueInfo(techniqueById('quantize.weight-int4'))

  test('of weights in 4 bits exactly the options that look at samples', () => {
    for (const rounding of ['nearest', 'hqq', 'gptq'] as const) {
      for (const scaling of ['none', 'awq'] as const) {
        for (const clip of [false, true]) {
          const options = { rounding, scaling, clip }
          expect(needOf(int4, options) !== null, JSON.stringify(options)).toBe(looksAtSamples(options))
        }
      }
    }
  })

  test('is told with the option that asks for it', () => {
    expect(needOf(int4, {})).toBeNull()
    expect(mayNeedData(int4)).toBe(true)
    expect(needOf(int4, { rounding: 'gptq' })).toEqual({
      needs: 'calibration',
      option: { name: 'rounding', title: 'Rounding', value: 'gptq' },
    })
    const channels = techniqueInfo(techniqueById('prune.channels'))
    expect(needOf(channels, { importance: 'taylor' })?.option?.name).toBe('importance')
    expect(needOf(channels, { recover: 2, recovery: 'labels' })?.needs).toBe('labels')
  })

  test('is fixed where a technique always does', () => {
    const always = techniqueInfo(techniqueById('quantize.static-int8'))
    expect(needOf(always, {})).toEqual({ needs: 'calibration' })
    expect(mayNeedData(always)).toBe(false)
  })
})
