import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { techniques } from '../fixtures/techniques'
import { changedValues, type Field, fieldsOf, initialValues, titleOf, unionValue } from './schema'

const Options = z.object({
  calibration: z
    .enum(['minmax', 'entropy'])
    .default('minmax')
    .meta({ title: 'Calibration', description: 'Ranges.' }),
  samples: z.number().int().min(1).max(1000).default(200),
  anyInteger: z.number().int().default(3),
  amount: z.number().min(0).max(1).default(0.5),
  perChannel: z.boolean().default(true),
  exclude: z.array(z.string()).default([]),
  operators: z.array(z.enum(['Conv', 'Gemm'])).default(['Conv']),
  mean: z.array(z.number()).default([0]),
  block: z.union([z.literal(16), z.literal(32)]).default(32),
  limit: z.number().nullable().default(null),
  atLeast: z.number().int().min(2).optional(),
  style: z.enum(['a', 'b']).nullable().default(null),
  granularity: z
    .discriminatedUnion('kind', [
      z.object({ kind: z.literal('tensor') }),
      z.object({ kind: z.literal('group'), size: z.number().int().min(2).default(64) }),
    ])
    .default({ kind: 'tensor' }),
  nested: z.object({ deep: z.boolean().default(false) }).default({ deep: false }),
  table: z.record(z.string(), z.number()).default({}),
})

const fields = fieldsOf(z.toJSONSchema(Options))
const field = (name: string): Field => {
  const found = fields.find(f => f.name === name)
  if (!found) throw new Error(`no field ${name}`)
  return found
}

describe('fieldsOf, over what zod really writes', () => {
  it('finds every option, in order, with its default', () => {
    expect(fields.map(f => f.name)).toEqual(Object.keys(Options.shape))
    expect(initialValues(fields)).toEqual(Options.parse({}))
  })

  it('gives each kind of option its input', () => {
    expect(fields.map(f => f.kind)).toEqual([
      'choice',
      'number',
      'number',
      'number',
      'switch',
      'texts',
      'texts',
      'numbers',
      'choice',
      'number',
      'number',
      'choice',
      'union',
      'group',
      'json',
    ])
  })

  it('takes titles, descriptions and limits', () => {
    expect(field('calibration')).toMatchObject({
      title: 'Calibration',
      description: 'Ranges.',
      choices: ['minmax', 'entropy'],
    })
    expect(field('samples')).toMatchObject({ min: 1, max: 1000, integer: true, step: 1 })
    expect(field('anyInteger')).toMatchObject({ min: undefined, max: undefined })
    expect(field('amount')).toMatchObject({ min: 0, max: 1, integer: false, step: 0.05 })
    expect(field('block')).toMatchObject({ choices: [16, 32] })
    expect(field('limit')).toMatchObject({ nullable: true, initial: null })
    expect(field('atLeast')).toMatchObject({ nullable: true, min: 2, initial: undefined })
    expect(field('operators')).toMatchObject({ choices: ['Conv', 'Gemm'], initial: ['Conv'] })
    expect(field('style')).toMatchObject({ nullable: true, choices: ['a', 'b'], initial: null })
    expect(titleOf('perChannel')).toBe('Per channel')
  })

  it('tells the cases of a union apart by their constant', () => {
    const union = field('granularity')
    if (union.kind !== 'union') throw new Error('not a union')
    expect(union.key).toBe('kind')
    expect(union.cases.map(c => [c.tag, c.fields.map(f => f.name)])).toEqual([
      ['tensor', []],
      ['group', ['size']],
    ])
    const chosen = unionValue('kind', union.cases[1])
    expect(chosen).toEqual({ kind: 'group', size: 64 })
    expect(Options.parse({ granularity: chosen }).granularity).toEqual(chosen)
  })

  it('lists what differs from the defaults', () => {
    const values = { ...initialValues(fields), samples: 50, exclude: ['conv1'] }
    expect(changedValues(fields, values)).toEqual({ samples: 50, exclude: ['conv1'] })
    expect(changedValues(fields, initialValues(fields))).toEqual({})
  })

  it('reads the fixture techniques without falling back to JSON', () => {
    // Feature losses are chosen on the graphs, shares and precisions of layers in charts of their own.
    const kinds = techniques.flatMap(t =>
      fieldsOf(t.schema).flatMap(f => (['features', 'widths', 'overrides'].includes(f.name) ? [] : f.kind)),
    )
    expect(kinds).not.toContain('json')
  })
})
