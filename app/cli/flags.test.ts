import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { TechniqueInfo } from '../../shared/domain'
import { addTechniqueFlags, describeField, fieldsOf, kebab, techniqueOptions } from './flags'

const schema = z.object({
  mode: z.enum(['fast', 'exact']).default('fast').meta({ description: 'How.' }),
  perChannel: z.boolean().default(true).meta({ description: 'One scale per channel.' }),
  keepTypes: z.boolean().default(false),
  bins: z.number().int().min(128).max(4096).default(2048),
  ratio: z.number().min(0).default(0.5),
  share: z.number().gt(0).lt(1).default(0.5),
  rate: z.number().positive().max(100).nullable().default(null),
  exclude: z.array(z.string().min(1)).default([]),
  operators: z.array(z.enum(['Conv', 'MatMul'])).default(['Conv', 'MatMul']),
  block: z.number().int().nullable().default(null),
})
const technique: TechniqueInfo = {
  id: 'quantize.test',
  title: 'Test',
  summary: 'Test',
  reference: '',
  needs: 'nothing',
  schema: z.toJSONSchema(schema, { io: 'input' }) as Record<string, unknown>,
}

function parse(...words: string[]): Record<string, unknown> {
  const command = new Command().exitOverride().configureOutput({ writeErr: () => undefined })
  addTechniqueFlags(command, technique)
  command.parse(words, { from: 'user' })
  return techniqueOptions(command, technique)
}

describe('technique flags', () => {
  it('are kebab case', () => {
    expect(['perChannel', 'bins', 'int8Only'].map(kebab)).toEqual(['per-channel', 'bins', 'int8-only'])
  })

  it('give only what was said, so that defaults stay the schema’s', () => {
    expect(parse()).toEqual({})
    expect(schema.parse(parse())).toEqual(schema.parse({}))
  })

  it('read every kind of field', () => {
    const words =
      '--mode exact --no-per-channel --keep-types --bins 512 --ratio 0.25 --exclude a/b c --operators MatMul --block 32'
    expect(parse(...words.split(' '))).toEqual({
      mode: 'exact',
      perChannel: false,
      keepTypes: true,
      bins: 512,
      ratio: 0.25,
      exclude: ['a/b', 'c'],
      operators: ['MatMul'],
      block: 32,
    })
    expect(parse('--per-channel', '--exclude', 'a', '--exclude', 'b', '--block', 'none')).toEqual({
      perChannel: true,
      exclude: ['a', 'b'],
      block: null,
    })
  })

  it('refuse what the schema refuses', () => {
    expect(() => parse('--mode', 'slow')).toThrow('It must be one of: fast, exact.')
    expect(() => parse('--bins', '2')).toThrow('It must be a whole number from 128 to 4096.')
    expect(() => parse('--bins', '512.5')).toThrow('It must be a whole number from 128 to 4096.')
    expect(() => parse('--ratio', '-1')).toThrow('It must be a number of at least 0.')
    expect(() => parse('--share', '1')).toThrow('It must be a number above 0 and below 1.')
    expect(() => parse('--rate', '0')).toThrow('It must be a number above 0 and at most 100.')
    expect(() => parse('--operators', 'Relu')).toThrow('It must be one of: Conv, MatMul.')
    expect(() => parse('--nonsense')).toThrow("unknown option '--nonsense'")
  })

  it('describe choices, ranges and defaults', () => {
    const texts = fieldsOf(technique).map(([, field]) => describeField(field))
    expect(texts[0]).toBe('How. (fast, exact; default: fast)')
    expect(texts[1]).toBe('One scale per channel. (default: on)')
    expect(texts[3]).toContain('128 to 4096; default: 2048')
    expect(texts[5]).toContain('(above 0 and below 1; default: 0.5)')
    expect(texts[7]).toContain('default: none')
    expect(texts[8]).toContain('Conv, MatMul; default: all')
  })
})
