import { describe, expect, test } from 'vitest'
import { TechniqueInfo } from '../shared/domain'
import type { BantamError } from '../shared/errors'
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
