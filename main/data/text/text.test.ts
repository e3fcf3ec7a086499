import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DatasetSpec, type TensorInfo } from '../../../shared/domain'
import { checkDataset } from '../check'
import type { Dataset } from '../dataset'
import { openDataset } from '../open'
import { probeData } from '../probe'
import { quietContext, tempFolder } from '../testing'
import { jsonl, textInputs, tokenizerJson, WORDS } from './testing'

const folder = tempFolder()
const tokenizer = folder.file('words.json')
const source = folder.file('mails.jsonl')
const rows = [
  { text: 'Free money NOW!', label: 'spam' },
  { text: 'Hello dear', label: 'ham' },
  { text: 'dears, dears, hello hello hello hello', label: 'ham' },
  { text: '', label: 'spam' },
]

beforeAll(() => {
  writeFileSync(tokenizer, JSON.stringify(tokenizerJson()))
  writeFileSync(source, jsonl(rows))
})
afterAll(() => folder.remove())

type Wanted = Record<string, unknown>
const spec = (wanted: Wanted = {}, more: Wanted = {}) =>
  DatasetSpec.parse({ source, preprocessing: { kind: 'text', tokenizer, ...wanted }, ...more })

async function open(inputs: TensorInfo[], wanted: Wanted = {}, more: Wanted = {}): Promise<Dataset> {
  return openDataset(spec(wanted, more), inputs)
}

/** Token numbers of every fed input, by sample. */
async function fed(data: Dataset, indices: number[]): Promise<Record<string, number[][]>> {
  const { feeds } = await data.batch(indices)
  await data.close()
  return Object.fromEntries(
    Object.entries(feeds).map(([name, { data: values, dims }]) => {
      const length = dims[1] ?? 0
      const numbers = Array.from(values as ArrayLike<number | bigint>, Number)
      return [name, indices.map((_, i) => numbers.slice(i * length, (i + 1) * length))]
    }),
  )
}

describe('text', () => {
  it('is cut, closed by special tokens, filled up to the length the model declares, and masked', async () => {
    const data = await open(textInputs(8))
    expect(data.summary).toMatchObject({
      count: 4,
      task: 'classification',
      classes: ['ham', 'spam'],
      inputs: [
        { name: 'input_ids', type: 'int64', shape: [8] },
        { name: 'attention_mask', type: 'int64', shape: [8] },
      ],
    })
    expect(data.summary.spec).toMatchObject({
      inputs: { input_ids: ['text'], attention_mask: ['text'] },
      preprocessing: { maxLength: 8, padding: 'max', roles: { input_ids: 'ids', attention_mask: 'mask' } },
    })
    expect(data.texts?.(0)).toEqual(['Free money NOW!'])
    expect(await fed(data, [0, 1, 3])).toEqual({
      input_ids: [
        [2, 4, 5, 6, 10, 3, 0, 0],
        [2, 7, 8, 3, 0, 0, 0, 0],
        [2, 3, 0, 0, 0, 0, 0, 0],
      ],
      attention_mask: [
        [1, 1, 1, 1, 1, 1, 0, 0],
        [1, 1, 1, 1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0, 0],
      ],
    })
  })

  it('keeps the special tokens of what it cuts, or refuses to cut', async () => {
    const cut = await open(textInputs('n'), { maxLength: 6 })
    expect((await fed(cut, [2])).input_ids).toEqual([[2, 8, 9, 1, 8, 3]])
    const whole = await open(textInputs('n'), { maxLength: 6, truncation: false })
    await expect(whole.batch([2])).rejects.toMatchObject({
      code: 'bad-data',
      message: 'Sample 2 has 12 tokens, more than 6.',
    })
    await whole.close()
  })

  it('is filled up to the longest of a batch, rounded up', async () => {
    const data = await open(textInputs('n'), { maxLength: 64, padding: 'longest', multiple: 4 })
    expect(data.summary.inputs[0]?.shape).toEqual(['length'])
    expect((await data.batch([1, 3])).feeds.input_ids?.dims).toEqual([2, 4])
    expect((await data.batch([0, 1])).feeds.input_ids?.dims).toEqual([2, 8])
    expect((await data.batch([2])).feeds.input_ids?.dims).toEqual([1, 12])
    await data.close()
  })

  it('fills up and cuts on the left where the tokenizer says so', async () => {
    const left = folder.file('left.json')
    const padding = {
      strategy: 'BatchLongest',
      direction: 'Left',
      pad_id: 0,
      pad_type_id: 0,
      pad_token: '[PAD]',
    }
    const truncation = { direction: 'Left', max_length: 5, strategy: 'LongestFirst', stride: 0 }
    writeFileSync(left, JSON.stringify(tokenizerJson({ padding, truncation })))
    const data = await open(textInputs('n', ['input_ids', 'attention_mask', 'position_ids']), {
      tokenizer: left,
    })
    expect(data.summary.notes.map(n => n.message)).toContain(
      'The model takes texts of any length; 5 tokens is what the tokenizer cuts at.',
    )
    expect(await fed(data, [0, 1])).toEqual({
      input_ids: [
        [2, 5, 6, 10, 3],
        [0, 2, 7, 8, 3],
      ],
      attention_mask: [
        [1, 1, 1, 1, 1],
        [0, 1, 1, 1, 1],
      ],
      position_ids: [
        [0, 1, 2, 3, 4],
        [0, 0, 1, 2, 3],
      ],
    })
  })

  it('comes in pairs: types tell them apart, and the longer one is cut first', async () => {
    const pairs = folder.file('pairs.csv')
    writeFileSync(
      pairs,
      'premise,hypothesis,label\nhello hello hello hello hello,now!,0\nfree,"money, money",1\n',
    )
    const inputs = textInputs('n', ['input_ids', 'token_type_ids', 'attention_mask'])
    const data = await openDataset(spec({ maxLength: 8 }, { source: pairs }), inputs)
    expect(data.summary.spec.inputs.input_ids).toEqual(['premise', 'hypothesis'])
    expect(data.texts?.(1)).toEqual(['free', 'money, money'])
    const { input_ids, token_type_ids } = await fed(data, [0, 1])
    expect(input_ids).toEqual([
      [2, 7, 7, 7, 3, 6, 10, 3],
      [2, 4, 3, 5, 1, 5, 3, 0],
    ])
    expect(token_type_ids).toEqual([
      [0, 0, 0, 0, 0, 1, 1, 1],
      [0, 0, 0, 1, 1, 1, 1, 0],
    ])
  })

  it('feeds inputs of other names and types as chosen, and numbers beside the text', async () => {
    const table = folder.file('mixed.parquet')
    const column = (name: string, type: 'STRING' | 'DOUBLE', data: unknown[]) => ({ name, type, data })
    const columns = [
      column('body', 'STRING', ['hello', 'free']),
      column('size', 'DOUBLE', [0.5, 2]),
      column('label', 'DOUBLE', [0, 1]),
    ]
    writeFileSync(table, Buffer.from(parquetWriteBuffer({ columnData: columns as never })))
    const inputs: TensorInfo[] = [
      { name: 'words', type: 'int32', shape: ['N', 4] },
      { name: 'size', type: 'float32', shape: ['N', 1] },
      { name: 'keep', type: 'float32', shape: ['N', 4] },
    ]
    const data = await openDataset(spec({ roles: { keep: 'mask' } }, { source: table }), inputs)
    expect(data.summary.inputs.map(i => i.name)).toEqual(['words', 'size', 'keep'])
    const { feeds } = await data.batch([1, 0])
    expect(feeds.words?.data).toEqual(Int32Array.of(2, 4, 3, 0, 2, 7, 3, 0))
    expect(feeds.keep?.data).toEqual(Float32Array.of(1, 1, 1, 0, 1, 1, 1, 0))
    expect(feeds.size?.data).toEqual(Float32Array.of(2, 0.5))
    await data.close()
  })

  it('finds the tokenizer beside the data, and opens again wherever both lie', async () => {
    const homes = ['a', 'b'].map(name => folder.file(name))
    const hashes: string[] = []
    for (const home of homes) {
      mkdirSync(home)
      copyFileSync(source, `${home}/mails.jsonl`)
      copyFileSync(tokenizer, `${home}/tokenizer.json`)
      const data = await openDataset(DatasetSpec.parse({ source: `${home}/mails.jsonl` }), textInputs(8))
      expect(data.summary.notes.map(n => n.code)).toContain('tokenizer-found')
      const again = await openDataset(data.summary.spec, textInputs(8))
      expect(again.summary.hash).toBe(data.summary.hash)
      hashes.push(data.summary.hash)
      await Promise.all([data.close(), again.close()])
    }
    expect(hashes[0]).toBe(hashes[1])
    const words = [...WORDS, 'extra']
    writeFileSync(`${homes[1]}/tokenizer.json`, JSON.stringify(tokenizerJson({ words })))
    const other = await openDataset(DatasetSpec.parse({ source: `${homes[1]}/mails.jsonl` }), textInputs(8))
    expect(other.summary.hash).not.toBe(hashes[0])
    await other.close()
  })

  it('tells how long texts are, in the preview and after reading all', async () => {
    const data = await open(textInputs(6))
    const { text, image } = await data.preview(2)
    expect(image).toBeNull()
    expect(text).toMatchObject({
      texts: ['dears, dears, hello hello hello hello'],
      tokens: [{ text: '[CLS]', id: 2 }, { text: 'dear', id: 8 }, { text: '##s', id: 9 }, { id: 1 }, {}, {}],
      length: 12,
      fed: 6,
      lengths: { samples: 4, cut: 1, longest: 12, maxLength: 6 },
    })
    const { notes } = await checkDataset(data, textInputs(6), quietContext)
    expect(notes.map(n => n.message)).toContain(
      '1 of 4 texts (25 %) are longer than the 6 tokens the model sees.',
    )
    await data.close()
  })

  it('knows equal texts whatever they were padded with', async () => {
    const twice = folder.file('twice.jsonl')
    const many = Array.from({ length: 70 }, (_, i) => ({
      text: i === 0 || i === 69 ? 'hello' : `${'money '.repeat(i)}!`,
      label: i % 2,
    }))
    writeFileSync(twice, jsonl(many))
    const inputs = textInputs('n')
    const data = await openDataset(spec({ maxLength: 100, padding: 'longest' }, { source: twice }), inputs)
    expect((await checkDataset(data, inputs, quietContext)).duplicates).toBe(1)
    await data.close()
  })

  it('offers the form for text when only the tokenizer is missing', async () => {
    const probe = await probeData(source, textInputs(8))
    expect(probe.notes.map(n => n.code)).toEqual(['does-not-fit'])
    expect(probe.suggestion.preprocessing).toMatchObject({ kind: 'text', tokenizer: 'tokenizer.json' })
  })
})
