import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TensorInfo } from '../../shared/domain'
import { inspectModel } from '../measure/inspect'
import { writeModel } from '../onnx/write'
import { openSession } from '../runtime/session'
import { isCausal, looksAhead } from './causal'
import { languageFeeds } from './feeds'
import { cacheShape, languageModel } from './recognise'
import { type TinyOptions, tinyLanguageModel } from './testing'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-language-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function written(options: TinyOptions = {}): Promise<string> {
  const path = join(folder, `${JSON.stringify(options).replace(/\W/g, '')}.onnx`)
  await writeModel(tinyLanguageModel(options), path)
  return path
}

const tokens = (name = 'input_ids'): TensorInfo => ({ name, type: 'int64', shape: ['b', 's'] })
const out = (name: string, shape: (number | string)[]): TensorInfo => ({ name, type: 'float32', shape })

describe('recognising a language model', () => {
  test.each([
    ['past_key_values.0.key', 'present.0.key', ['b', 4, 'past', 8], [2, 4, 3, 8]],
    ['past_key_0', 'present_key_0', ['b', 4, 'past', 8], [2, 4, 3, 8]],
    ['past_0', 'present_0', [2, 'b', 4, 'past', 8], [2, 2, 4, 3, 8]],
  ])('pairs %s with %s', (past, present, shape, expected) => {
    const found = languageModel(
      [tokens(), tokens('attention_mask'), tokens('position_ids'), out(past, shape)],
      [out('logits', ['b', 's', 100]), out(present, shape), out('present.9.key', shape)],
    )
    expect(found).toMatchObject({ logits: 'logits', vocabulary: 100, mask: { name: 'attention_mask' } })
    expect(found?.caches).toMatchObject([{ past, present }])
    const [cache] = found?.caches ?? []
    expect(cache && cacheShape(cache, 2, 3)).toEqual(expected)
  })

  test.each([
    ['labels of tokens', [tokens()], [out('logits', ['b', 's', 9])]],
    ['fewer scores than the table has tokens', [{ ...tokens(), rows: 30_000 }], [out('x', ['b', 's', 64])]],
    ['classes of texts', [tokens()], [out('logits', ['b', 2])]],
    ['a further input', [tokens(), out('pixels', ['b', 3, 8, 8])], [out('logits', ['b', 's', 100])]],
    ['second texts', [tokens(), tokens('token_type_ids')], [out('logits', ['b', 's', 100])]],
    [
      'a cache that is not given back',
      [tokens(), out('past_0', [2, 'b', 4, 'p', 8])],
      [out('logits', ['b', 's', 99])],
    ],
    ['numbers of floating point', [out('x', ['b', 's'])], [out('y', ['b', 's', 100])]],
  ])('leaves alone: %s', (_, inputs, outputs) => {
    expect(languageModel(inputs, outputs)).toBeUndefined()
  })

  test.each([{}, { cache: true }])('inspection of %o says so', async options => {
    const { inputs, notes, macs } = await inspectModel(await written(options))
    expect(inputs[0]).toMatchObject({ name: 'input_ids', rows: 24, vocabulary: 24 })
    expect(notes.map(n => n.code)).toContain('language-model')
    expect(macs).toBeGreaterThan(0)
  })

  test('a model that fills gaps is none', async () => {
    expect(isCausal(tinyLanguageModel({ causal: false }))).toBe(false)
    const { inputs, notes } = await inspectModel(await written({ causal: false }))
    expect(inputs[0]?.vocabulary).toBeUndefined()
    expect(notes.map(n => n.code)).not.toContain('language-model')
  })
})

test.each([
  [{}, false],
  [{ cache: true }, false],
  [{ causal: false }, true],
])('%o looks ahead: %s', async (options, expected) => {
  const session = await openSession(await written(options), { threads: 1 })
  try {
    const language = languageModel(session.inputs, session.outputs)
    expect(language && (await looksAhead(session, language))).toBe(expected)
  } finally {
    await session.close()
  }
})

test('going on from the cache gives what the whole text gives', async () => {
  const session = await openSession(await written({ cache: true }), { threads: 1 })
  try {
    const language = languageModel(session.inputs, session.outputs)
    if (!language) throw new Error('not recognised')
    const text = [3, 1, 4, 1, 5, 9, 2, 6]
    const whole = await session.run(languageFeeds(language, [text]))
    const first = await session.run(languageFeeds(language, [text.slice(0, 5)]))
    const caches = Object.fromEntries(language.caches.map(c => [c.past, first[c.present]]))
    const rest = await session.run(languageFeeds(language, [text.slice(5)], 5, caches as typeof first))
    expect(rest.logits?.dims).toEqual([1, 3, 24])
    // The fixture gives float32.
    const [expected, scores] = [whole.logits?.data.slice(5 * 24), rest.logits?.data] as Float32Array[]
    for (let i = 0; i < 3 * 24; i++) expect(scores?.[i]).toBeCloseTo(expected?.[i] ?? Number.NaN, 5)
  } finally {
    await session.close()
  }
})
