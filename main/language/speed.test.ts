import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { benchmarkModels } from '../measure/benchmark'
import { testContext } from '../measure/testing'
import { writeModel } from '../onnx/write'
import { openSession } from '../runtime/session'
import { makeGenerator } from './generate'
import { languageModel } from './recognise'
import { type TinyOptions, tinyLanguageModel } from './testing'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-tokens-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function written(options: TinyOptions, name: string): Promise<string> {
  const path = join(folder, `${name}.onnx`)
  await writeModel(tinyLanguageModel(options), path)
  return path
}

async function generator(path: string, prompt: number[]) {
  const session = await openSession(path, { threads: 1 })
  const language = languageModel(session.inputs, session.outputs)
  if (!language) throw new Error('not recognised')
  return { session, made: makeGenerator(session, language, Int32Array.from(prompt)) }
}

describe('continuing a text', () => {
  test('with and without caches gives the same tokens, again and again', async () => {
    const [plain, cached] = [await written({}, 'plain'), await written({ cache: true }, 'cached')]
    const one = await generator(plain, [3, 1, 4, 1, 5])
    const two = await generator(cached, [3, 1, 4, 1, 5])
    try {
      const made = await one.made.generate(12)
      expect(made).toHaveLength(12)
      expect(await two.made.generate(12)).toEqual(made)
      expect(await two.made.generate(12)).toEqual(made)
      await two.made.prompt()
      expect((await two.made.generate(3)).join()).toBe(made.slice(0, 3).join())
    } finally {
      await Promise.all([one.session.close(), two.session.close()])
    }
  })
})

describe('tokens per second', () => {
  test('of both forms, side by side', async () => {
    const models = [
      { path: await written({ context: 130 }, 'a'), hash: 'a', name: 'a' },
      { path: await written({ cache: true, context: 130 }, 'b'), hash: 'b', name: 'b' },
    ]
    const { generation, rows, notes } = await benchmarkModels(
      { models, batches: [1], threads: [1], runs: 5, prompt: 8, generate: 3 },
      testContext(folder),
    )
    expect(rows).toHaveLength(2)
    expect(notes).toEqual([])
    expect(generation?.rows).toMatchObject([
      { model: 'a', cache: false, promptTokens: 8, generatedTokens: 3, threads: 1 },
      { model: 'b', cache: true, promptTokens: 8, generatedTokens: 3, threads: 1 },
    ])
    for (const row of generation?.rows ?? []) {
      expect(row.tokensPerSecond.value).toBeCloseTo(1000 / row.tokenMs.median, 6)
      expect(row.promptTokensPerSecond.value).toBeCloseTo(8_000 / row.promptMs.median, 6)
      expect(row.tokensPerSecond.low).toBeLessThanOrEqual(row.tokensPerSecond.value)
      expect(row.peakMemoryBytes).toBeGreaterThan(10e6)
    }
    expect(generation?.ratios.map(r => [r.a, r.b, r.phase])).toEqual([
      ['a', 'b', 'prompt'],
      ['a', 'b', 'token'],
    ])
  }, 60_000)

  test('with a prompt of as many tokens as the model knows positions for', async () => {
    const short = { path: await written({ cache: true, context: 20 }, 'few'), hash: 'f', name: 'few' }
    const { generation, rows, notes } = await benchmarkModels(
      { models: [short], batches: [1], threads: [1], runs: 5 },
      testContext(folder),
    )
    expect(generation?.rows).toMatchObject([{ promptTokens: 12, generatedTokens: 4 }])
    // A made-up text of 128 tokens is beyond it.
    expect(rows).toEqual([])
    expect(notes.map(n => n.code)).toEqual(['benchmark.failed'])
  }, 60_000)

  test('of lengths that a model does not know are refused with a note; of other models nothing is said', async () => {
    const short = { path: await written({ context: 16 }, 'short'), hash: 's', name: 'short' }
    const gaps = { path: await written({ causal: false, context: 128 }, 'gaps'), hash: 'g', name: 'gaps' }
    const { generation, notes } = await benchmarkModels(
      { models: [gaps, short], batches: [1], threads: [1], runs: 5, prompt: 12, generate: 8 },
      testContext(folder),
    )
    expect(generation).toBeUndefined()
    expect(notes.map(n => n.message).join(' ')).toMatch(/Tokens per second of short could not be measured/)
  }, 60_000)
})
