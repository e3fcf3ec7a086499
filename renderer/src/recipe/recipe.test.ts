import { describe, expect, it } from 'vitest'
import { study } from '../fixtures/study'
import { techniques } from '../fixtures/techniques'
import {
  type CommandInput,
  commandLine,
  commandLines,
  fileNameOf,
  kebab,
  lineage,
  shellQuoted,
} from './cli-command'
import { decisionFacts, pruneDecisions, searchNotes } from './decisions'
import { optionRows, optionText, sameValue } from './option-rows'

const staticInt8 = techniques.find(t => t.id === 'quantize.static-int8')
const dataset = study.datasets[0]
if (!staticInt8 || !dataset) throw new Error('The fixtures have static int8 and a dataset')

function command(options: Record<string, unknown>, change: Partial<CommandInput> = {}): string {
  return commandLine({
    step: { technique: 'quantize.static-int8', options },
    technique: staticInt8,
    model: 'teacher.onnx',
    out: 'small.onnx',
    data: dataset?.spec ?? null,
    seed: 0,
    ...change,
  })
}

const START = 'npx bantam quantize teacher.onnx --method static-int8 --data sample:digits --split calibration'

describe('commandLine', () => {
  it('leaves defaults out, whether given or not', () => {
    expect(command({})).toBe(`${START} --out small.onnx`)
    expect(command({ calibration: 'minmax', perChannel: true, exclude: [] })).toBe(
      `${START} --out small.onnx`,
    )
  })

  it('writes fields in kebab case, turns booleans off with --no-, and lists as words', () => {
    expect(command({ calibration: 'entropy', perChannel: false, samples: 50, exclude: ['/fc 1', 'b'] })).toBe(
      `${START} --calibration entropy --no-per-channel --samples 50 --exclude '/fc 1' b --out small.onnx`,
    )
  })

  it('names the seed only when it is not the default', () => {
    expect(command({}, { seed: 7 })).toBe(`${START} --seed 7 --out small.onnx`)
  })

  it('needs no data for a technique that needs none', () => {
    expect(
      command(
        {},
        {
          step: { technique: 'quantize.float16', options: {} },
          technique: techniques.find(t => t.id === 'quantize.float16'),
        },
      ),
    ).toBe('npx bantam quantize teacher.onnx --method float16 --out small.onnx')
  })

  it('asks for data to prune with where the options look at some, and writes shares as the flags read them', () => {
    const prune = (options: Record<string, unknown>) =>
      command(options, {
        step: { technique: 'prune.channels', options },
        technique: techniques.find(t => t.id === 'prune.channels'),
      })
    const begin = 'npx bantam prune teacher.onnx --method channels'
    expect(prune({ amount: 0.3 })).toBe(`${begin} --amount 0.3 --out small.onnx`)
    expect(
      prune({
        widths: [
          { group: 'w0[1]', keep: 0.5 },
          { group: 'b', keep: 1 },
        ],
        importance: 'taylor',
      }),
    ).toBe(
      `${begin} --data sample:digits --split calibration --widths 'group=w0[1],keep=0.5' group=b,keep=1 --importance taylor --out small.onnx`,
    )
    expect(prune({ recovery: 'distill', recover: 3 })).toBe(
      `${begin} --data sample:digits --split train --recover 3 --out small.onnx`,
    )
  })

  it('asks for data where an option looks at samples, and learns from the training split', () => {
    const int4 = techniques.find(t => t.id === 'quantize.weight-int4')
    if (!int4) throw new Error('The fixtures have weights in 4 bits')
    const rounding = { type: 'string', enum: ['nearest', 'gptq'], default: 'nearest', needsData: ['gptq'] }
    const technique = { ...int4, schema: { type: 'object', properties: { rounding } } }
    const quantize = (options: Record<string, unknown>) =>
      command(options, { step: { technique: technique.id, options }, technique })
    expect(quantize({})).not.toContain('--data')
    expect(quantize({ rounding: 'gptq' })).toContain(
      '--method weight-int4 --data sample:digits --split train --rounding gptq ',
    )
  })

  it('learns from the training split where it trains what it quantizes', () => {
    const step = { technique: 'quantize.qat', options: { epochs: 3 } }
    const technique = { ...staticInt8, id: 'quantize.qat' }
    expect(command({}, { step, technique })).toContain(
      '--method qat --data sample:digits --split train --epochs 3 ',
    )
  })

  it('distils and fine-tunes as those commands are called, on the training split', () => {
    const learn = (technique: string, options: Record<string, unknown>) =>
      command(options, {
        step: { technique, options },
        technique: techniques.find(t => t.id === technique),
      })
    expect(learn('distill.student', { epochs: 5, student: 'slim:0.5' })).toBe(
      'npx bantam distill --teacher teacher.onnx --data sample:digits --split train --epochs 5 --out small.onnx',
    )
    expect(learn('train.labels', { epochs: 2 })).toBe(
      'npx bantam train teacher.onnx --data sample:digits --split train --epochs 2 --out small.onnx',
    )
  })

  it('says DATA where the study has none', () => {
    expect(command({}, { data: null })).toContain(' --data DATA --split calibration ')
  })

  it('repeats how the data is read', () => {
    const spec = {
      ...dataset.spec,
      source: '/data/my flowers.csv',
      labels: 'species',
      inputs: { x: ['a', 'b'] },
    }
    expect(command({}, { data: spec })).toBe(
      "npx bantam quantize teacher.onnx --method static-int8 --data '/data/my flowers.csv' --split calibration --labels species --preprocessing preprocessing.json --input x=a,b --out small.onnx",
    )
    expect(command({}, { data: { ...spec, labels: null } })).toContain('--no-labels')
  })

  it('writes null as none and an unknown technique with all its options', () => {
    expect(
      command(
        { limit: null, deep: { kind: 'x' } },
        {
          step: { technique: 'prune.blocks', options: { limit: null, deep: { kind: 'x' } } },
          technique: undefined,
          data: null,
        },
      ),
    ).toBe(
      `npx bantam prune teacher.onnx --method blocks --limit none --deep '{"kind":"x"}' --out small.onnx`,
    )
  })
})

describe('commandLines', () => {
  it('names the files of variants that a student or a further teacher is', () => {
    const [teacher, other, made] = study.variants
    if (!teacher || !other || !made) throw new Error('The fixture has three variants')
    const options = { student: `variant:${other.id}`, teachers: [`variant:${other.id}`] }
    const step = { technique: 'distill.student', options }
    const [line] = commandLines([teacher, { ...made, step }], techniques, dataset.spec, study.variants)
    expect(line).toContain(` --student ${fileNameOf(other)} --teachers ${fileNameOf(other)} `)
  })
})

describe('lineage', () => {
  const last = study.variants.find(v => v.id === 'v7')
  if (!last) throw new Error('The fixture has v7')

  it('goes from the teacher to the variant, one command per step, each reading what the one before wrote', () => {
    expect(lineage(study.variants, last).map(v => v.id)).toEqual(['v0', 'v1', 'v7'])
    expect(commandLines(lineage(study.variants, last), techniques, dataset.spec)).toEqual([
      'npx bantam quantize digits-cnn.onnx --method static-int8 --data sample:digits --split calibration --out int8-min-max.onnx',
      'npx bantam quantize int8-min-max.onnx --method weight-int4 --out int8-4-bit-fc1.onnx',
    ])
  })

  it('ends at a parent that is gone, and does not hang on a circle', () => {
    expect(lineage([last], last).map(v => v.id)).toEqual(['v7'])
    const a = { ...last, id: 'a', parentId: 'b' }
    expect(lineage([a, { ...last, id: 'b', parentId: 'a' }], a)).toHaveLength(2)
  })
})

describe('words for the shell', () => {
  it.each([
    ['plain-1.onnx', 'plain-1.onnx'],
    ["it's", `'it'\\''s'`],
    ['$HOME', `'$HOME'`],
    ['', `''`],
  ])('%s', (text, quoted) => expect(shellQuoted(text)).toBe(quoted))

  it('makes file names of variant names', () => {
    expect(fileNameOf({ name: 'Static int8, per channel' })).toBe('static-int8-per-channel.onnx')
    expect(fileNameOf({ name: 'Ziffern für später' })).toBe('ziffern-fur-spater.onnx')
    expect(fileNameOf({ name: '../..' })).toBe('bantam.onnx')
    expect(kebab('perChannel')).toBe('per-channel')
  })
})

describe('optionRows', () => {
  it('puts changed options first and keeps what the schema does not know', () => {
    const rows = optionRows(
      { technique: 'x', options: { samples: 50, calibration: 'minmax', odd: 1 } },
      staticInt8,
    )
    expect(rows.slice(0, 2).map(r => [r.title, r.value, r.fallback, r.changed])).toEqual([
      ['Calibration samples', 50, 200, true],
      ['Odd', 1, undefined, true],
    ])
    expect(rows.filter(r => !r.changed)).toHaveLength(10)
  })

  it('writes values as people read them', () => {
    expect([true, [], ['a', 2], null, { kind: 'hqq', iterations: 20 }].map(optionText)).toEqual([
      'yes',
      'none',
      'a, 2',
      'not set',
      'kind: hqq, iterations: 20',
    ])
  })

  it('compares JSON values by content', () => {
    expect(sameValue({ a: [1, { b: 2 }], c: 3 }, { c: 3, a: [1, { b: 2 }] })).toBe(true)
    expect(sameValue({ a: 1 }, { a: 1, b: undefined })).toBe(false)
    expect(sameValue([1], { 0: 1 })).toBe(false)
  })
})

describe('plan', () => {
  it('counts lists and maps and shows single values', () => {
    expect(
      decisionFacts({
        opset: 17,
        weightType: 'int8',
        nodes: [1, 2, 3],
        left: null,
        scales: { a: 1 },
        reduced: false,
      }),
    ).toEqual([
      { name: 'opset', value: '17' },
      { name: 'weight type', value: 'int8' },
      { name: 'nodes', value: '3' },
      { name: 'scales', value: '1' },
      { name: 'reduced', value: 'no' },
    ])
  })

  it('says of pruning what went, and leaves data for the engine out', () => {
    const change = (from: number, to: number) => ({
      id: `w${from}`,
      kind: 'channels' as const,
      nodes: ['Conv conv1'],
      from,
      to,
      frees: { parameters: 10, macs: 100 },
      milliseconds: null,
    })
    const decisions = {
      changes: [change(32, 16), change(64, 64)],
      declined: [{ id: 'w9', reason: 'It is an output.' }],
      before: { parameters: 1000, macs: 40_000, bytes: 4000 },
      after: { parameters: 500, macs: 20_000, bytes: 2000 },
      rounds: [{ sizes: { w32: 16 }, keep: null }],
      epochs: 3,
    }
    expect(decisionFacts(decisions)).toEqual([
      { name: 'MACs', value: '40.0 k → 20.0 k' },
      { name: 'parameters', value: '1.00 k → 500' },
      { name: 'weights', value: '4.00 kB → 2.00 kB' },
      { name: 'changed', value: '1 of 2 parts' },
      { name: 'left alone', value: '1' },
      { name: 'epochs', value: '3' },
    ])
    expect(pruneDecisions({ tensors: 12 })).toBeNull()
  })

  it('searches notes by words, node and action', () => {
    const notes = [
      { code: 'a', severity: 'info' as const, message: 'Left in float', node: '/fc1' },
      { code: 'b', severity: 'info' as const, message: 'Other', action: 'Use static int8' },
    ]
    expect(searchNotes(notes, 'FLOAT fc1')).toEqual([notes[0]])
    expect(searchNotes(notes, 'static')).toEqual([notes[1]])
    expect(searchNotes(notes, 'none such')).toEqual([])
  })
})
