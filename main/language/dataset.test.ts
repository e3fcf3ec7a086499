import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DatasetSpec, type TensorInfo } from '../../shared/domain'
import { checkDataset } from '../data/check'
import type { Dataset } from '../data/dataset'
import { openDataset } from '../data/open'
import { probeData } from '../data/probe'
import { quietContext, tempFolder } from '../data/testing'
import { jsonl, tokenizerJson } from '../data/text/testing'

const folder = tempFolder()
const tokenizer = folder.file('tokenizer.json')
const source = folder.file('texts.jsonl')
/** hello = 7, free = 4, money = 5, now = 6, ! = 10, dear = 8. */
const rows = [
  { text: 'hello free money now ! dear', label: 'a' },
  { text: '', label: 'b' },
  { text: 'money', label: 'a' },
  { text: 'free now', label: 'b' },
  { text: 'dear dear free ! now', label: 'b' },
]
const inputs: TensorInfo[] = [
  { name: 'input_ids', type: 'int64', shape: ['batch', 'sequence'], rows: 11, vocabulary: 11 },
  { name: 'attention_mask', type: 'int64', shape: ['batch', 'past + sequence'] },
  { name: 'position_ids', type: 'int64', shape: ['batch', 'sequence'], rows: 32 },
  { name: 'past_key_values.0.key', type: 'float32', shape: ['batch', 2, 'past', 4] },
  { name: 'past_0', type: 'float16', shape: [2, 'batch', 3, 'past', 4] },
]

beforeAll(() => {
  // Left padding would put nothing before the first token.
  const padding = { pad_id: 0, direction: 'Left' }
  writeFileSync(tokenizer, JSON.stringify(tokenizerJson({ specials: false, padding })))
  writeFileSync(source, jsonl(rows))
})
afterAll(() => folder.remove())

const open = (more: Record<string, unknown> = {}, range = ''): Promise<Dataset> =>
  openDataset(
    DatasetSpec.parse({
      source: source + range,
      preprocessing: { kind: 'text', tokenizer, maxLength: 4, ...more },
    }),
    inputs,
  )

async function lists(data: Dataset, indices: number[], name: string): Promise<number[][]> {
  const tensor = (await data.batch(indices)).feeds[name]
  const length = tensor?.dims[1] ?? 0
  const values = Array.from((tensor?.data ?? []) as ArrayLike<number | bigint>, Number)
  return indices.map((_, i) => values.slice(i * length, (i + 1) * length))
}

describe('windows of texts', () => {
  it('predict every token but a text’s first exactly once', async () => {
    const data = await open()
    expect(data.summary).toMatchObject({ count: 5, task: 'none', classes: [] })
    expect(await lists(data, [0, 1, 2, 3, 4], 'input_ids')).toEqual([
      [7, 4, 5, 6],
      [6, 10, 8, 0],
      [4, 6, 0, 0],
      [8, 8, 4, 10],
      [10, 6, 0, 0],
    ])
    expect(await lists(data, [1, 3], 'attention_mask')).toEqual([
      [1, 1, 1, 0],
      [1, 1, 1, 1],
    ])
    expect(await lists(data, [1], 'position_ids')).toEqual([[0, 1, 2, 3]])
    expect([0, 1, 2, 3, 4].map(i => data.document?.(i))).toEqual([0, 0, 3, 4, 4])
    expect(data.tokens?.(1)).toMatchObject({ length: 3, fed: 3 })
    expect(data.texts?.(0)?.[0]).toContain('free money now')
    expect(data.summary.notes.find(n => n.code === 'windows')?.message).toBe(
      '5 texts make 5 windows of at most 4 tokens, in which 10 tokens are predicted. 2 of them are empty or a single token and left out.',
    )
    await data.close()
  })

  it('come with caches that hold nothing yet', async () => {
    const data = await open()
    const { feeds } = await data.batch([0, 1, 2])
    expect(feeds['past_key_values.0.key']).toMatchObject({ type: 'float32', dims: [3, 2, 0, 4] })
    expect(feeds.past_0).toMatchObject({ type: 'float16', dims: [2, 3, 3, 0, 4] })
    expect(feeds.past_0?.data.length).toBe(0)
    expect((await data.preview(0)).tensors.map(t => t.shape)).toContainEqual([1, 2, 0, 4])
    const checked = await checkDataset(data, inputs, quietContext)
    expect(checked).toMatchObject({ count: 5, duplicates: 0, leaked: 0 })
    await data.close()
  })

  it('are padded to the longest of a batch where asked', async () => {
    const data = await open({ padding: 'longest', multiple: 1 })
    expect(await lists(data, [2], 'input_ids')).toEqual([[4, 6]])
    await data.close()
  })

  it('of one text are all in one split', async () => {
    const data = await open()
    const splits = (['train', 'calibration', 'test'] as const).map(s => [...data.indices(s)])
    const texts = splits.map(windows => new Set(windows.map(i => data.document?.(i))))
    for (const [i, own] of texts.entries())
      for (const other of texts.slice(i + 1)) expect([...own].filter(t => other.has(t))).toEqual([])
    await data.close()
  })

  it('of a range count its texts', async () => {
    const data = await open({}, '#3:5')
    expect(await lists(data, [0], 'input_ids')).toEqual([[4, 6, 0, 0]])
    expect([0, 1, 2].map(i => data.document?.(i))).toEqual([0, 1, 1])
    await data.close()
  })

  it('are not made where texts are asked for', async () => {
    const data = await open({ samples: 'texts', truncation: true }, '#3:5')
    expect(await lists(data, [1], 'input_ids')).toEqual([[8, 8, 4, 10]])
    expect((await data.batch([0])).feeds['past_key_values.0.key']?.dims).toEqual([1, 2, 0, 4])
    await data.close()
  })

  it('are suggested, and open again from their own specification without the model', async () => {
    const probe = await probeData(source, inputs)
    expect(probe.suggestion).toMatchObject({
      task: 'none',
      labels: null,
      preprocessing: { samples: 'windows', maxLength: 32 },
    })
    const data = await open()
    const plain = inputs.map(({ vocabulary: _, ...i }) => i)
    const again = await openDataset(data.summary.spec, plain)
    expect(again.summary.hash).toBe(data.summary.hash)
    expect(again.summary.count).toBe(5)
    await Promise.all([data.close(), again.close()])
  })

  it('need two tokens', async () => {
    await expect(open({ maxLength: 1 })).rejects.toThrow('Of a window of one token nothing is predicted.')
    await expect(open({}, '#1:3')).rejects.toThrow('nothing can be predicted')
  })
})

it('plain text is read by paragraphs', async () => {
  const path = folder.file('book.txt')
  writeFileSync(path, '\ufeffhello free\nmoney now\n\n\nfree now\r\n\r\nmoney !')
  const spec = DatasetSpec.parse({ source: path, preprocessing: { kind: 'text', tokenizer, maxLength: 8 } })
  const data = await openDataset(spec, inputs)
  expect(data.summary).toMatchObject({ format: 'txt', count: 3 })
  expect((await lists(data, [0, 1, 2], 'input_ids')).map(l => l.filter(id => id > 0))).toEqual([
    [7, 4, 5, 6],
    [4, 6],
    [5, 10],
  ])
  await data.close()
})
