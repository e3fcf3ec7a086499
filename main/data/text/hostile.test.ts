import { writeFileSync } from 'node:fs'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DatasetSpec, type TensorInfo } from '../../../shared/domain'
import { checkDataset } from '../check'
import { openDataset } from '../open'
import { floatInput, quietContext, tempFolder } from '../testing'
import { jsonl, textInputs, tokenizerJson, WORDS } from './testing'
import { TEXT_LIMIT } from './tokenizer'

const folder = tempFolder()
const good = folder.file('good.json')
const mails = folder.file('mails.jsonl')
beforeAll(() => {
  writeFileSync(good, JSON.stringify(tokenizerJson()))
  writeFileSync(mails, jsonl([{ text: 'hello' }, { text: 'money now' }]))
})
afterAll(() => folder.remove())

interface Case {
  name: string
  /** File beside the tests, or its name and content. */
  data?: [string, string | Uint8Array]
  tokenizer?: string | object
  inputs?: TensorInfo[]
  wanted?: Record<string, unknown>
  more?: Record<string, unknown>
  message: string
  code: string
}

const without = (part: string) =>
  Object.fromEntries(Object.entries(tokenizerJson()).filter(([k]) => k !== part))
const model = tokenizerJson().model
const NO_PAIR = { ...tokenizerJson(), post_processor: { type: 'TemplateProcessing', single: 7, pair: 7 } }

const corpus: Case[] = [
  // The tokenizer
  {
    name: 'no file',
    tokenizer: 'gone.json',
    message: 'There is no such tokenizer.',
    code: 'not-found',
  },
  {
    name: 'no JSON',
    tokenizer: 'not { json',
    message: 'The file is no usable tokenizer: it is not JSON.',
    code: 'bad-file',
  },
  {
    name: 'cut JSON',
    tokenizer: JSON.stringify(tokenizerJson()).slice(0, 200),
    message: 'The file is no usable tokenizer: it is not JSON.',
    code: 'bad-file',
  },
  {
    name: 'a list',
    tokenizer: '[1, 2]',
    message: 'The file is no usable tokenizer: it is not as in a tokenizer.json.',
    code: 'bad-file',
  },
  {
    name: 'no model',
    tokenizer: without('model'),
    message: 'The file is no usable tokenizer: model is not as in a tokenizer.json.',
    code: 'bad-file',
  },
  {
    name: 'a model of another kind',
    tokenizer: { ...tokenizerJson(), model: { type: 'Magic' } },
    message: 'The file is no usable tokenizer: Unknown TokenizerModel type: Magic.',
    code: 'bad-file',
  },
  {
    name: 'an empty vocabulary',
    tokenizer: { ...without('added_tokens'), model: { ...model, vocab: {} } },
    message: 'The file is no usable tokenizer: its vocabulary is empty.',
    code: 'bad-file',
  },
  {
    name: 'an unknown normalizer',
    tokenizer: { ...tokenizerJson(), normalizer: { type: 'Nothing' } },
    message: 'The file is no usable tokenizer: Unknown Normalizer type: Nothing.',
    code: 'bad-file',
  },
  {
    name: 'a broken post-processor',
    tokenizer: NO_PAIR,
    message: 'The file is no usable tokenizer: a part of it is missing or broken.',
    code: 'bad-file',
  },
  {
    name: 'another file than before',
    wanted: { digest: '00' },
    message: 'The tokenizer is not the one the data was opened with before.',
    code: 'bad-data',
  },
  {
    name: 'a relative path',
    wanted: { tokenizer: '../up/tokenizer.json' },
    message: 'The place of the tokenizer is neither absolute nor a name beside the data.',
    code: 'bad-option',
  },
  // The table
  {
    name: 'an array',
    data: ['a.idx', Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2)],
    message: 'Text is read from tables: .csv, .jsonl or .parquet.',
    code: 'bad-option',
  },
  {
    name: 'a missing column',
    more: { inputs: { input_ids: ['texts'] } },
    message: 'There is no column texts.',
    code: 'bad-data',
  },
  {
    name: 'a column of numbers',
    data: ['numbers.csv', 'text,size\nhello,1\nnow,2\n'],
    more: { inputs: { input_ids: ['size'] } },
    message: 'Column size should hold text, but it holds numbers.',
    code: 'bad-data',
  },
  {
    name: 'a column of lists',
    data: ['lists.jsonl', jsonl([{ text: [1, 2] }, { text: [3, 4] }])],
    more: { inputs: { input_ids: ['text'] } },
    message: 'Column text should hold text, but it holds lists.',
    code: 'bad-data',
  },
  {
    name: 'a number among texts',
    data: ['among.jsonl', jsonl([{ text: 'a' }, { text: 12 }])],
    message: 'Column text should hold text, but row 2 holds 12.',
    code: 'bad-data',
  },
  {
    name: 'an object among texts',
    data: ['object.jsonl', jsonl([{ text: 'a' }, { text: 'b' }, { text: { a: 1 } }])],
    message: 'Column text should hold text, but row 3 holds [object Object].',
    code: 'bad-data',
  },
  {
    name: 'no column of text',
    data: ['none.csv', 'a,b\n1,2\n'],
    message: 'The table has no column of text.',
    code: 'bad-data',
  },
  {
    name: 'several columns of text',
    data: ['several.csv', 'from,to\nann,bob\nbob,ann\n'],
    message: 'Several columns hold text: from, to.',
    code: 'bad-data',
  },
  {
    name: 'different columns for one text',
    data: ['different.csv', 'a,b\nx,y\nz,u\n'],
    more: { inputs: { input_ids: ['a'], attention_mask: ['b'] } },
    message: 'The inputs for one text are given different columns.',
    code: 'bad-option',
  },
  {
    name: 'three columns',
    data: ['three.csv', 'a,b,c\nx,y,z\nu,v,w\n'],
    more: { inputs: { input_ids: ['a', 'b', 'c'] } },
    message: 'A text comes from one column, or a pair from two, not from 3.',
    code: 'bad-option',
  },
  // The samples
  {
    name: 'a missing text',
    data: ['null.jsonl', jsonl([{ text: 'a' }, { text: null }])],
    message: 'Sample 1 has no text in text.',
    code: 'bad-data',
  },
  {
    name: 'an empty text without special tokens',
    data: ['empty.jsonl', jsonl([{ text: 'a' }, { text: ' ' }])],
    tokenizer: tokenizerJson({ specials: false }),
    message: 'Sample 1 has no tokens: its text is empty.',
    code: 'bad-data',
  },
  {
    name: 'a huge text',
    data: ['huge.jsonl', jsonl([{ text: 'a' }, { text: 'x'.repeat(TEXT_LIMIT + 1) }])],
    message: 'Sample 1 has 1000001 characters; at most 1000000 are cut into tokens.',
    code: 'bad-data',
  },
  {
    name: 'a token the model does not have',
    data: ['beyond.jsonl', jsonl([{ text: 'free' }, { text: 'now, dear' }])],
    inputs: textInputs(8).map(i => ({ ...i, rows: 8 })),
    message: 'Sample 1: token "dear" has the number 8, but the model knows numbers below 8 only.',
    code: 'bad-data',
  },
  {
    name: 'an unknown word without a token for it',
    data: ['unknown.jsonl', jsonl([{ text: 'free' }, { text: 'zebra' }])],
    tokenizer: { ...tokenizerJson(), model: { ...model, unk_token: '[NONE]' } },
    message: 'Sample 1: the tokenizer has no number for "[NONE]".',
    code: 'bad-data',
  },
  // The model
  {
    name: 'a length the model does not take',
    wanted: { maxLength: 16 },
    message: 'The model takes exactly 8 tokens; the length chosen is 16.',
    code: 'bad-option',
  },
  {
    name: 'a length without room',
    inputs: textInputs('n'),
    wanted: { maxLength: 2 },
    message: 'A length of 2 leaves no room for text: the tokenizer adds 2 special tokens.',
    code: 'bad-option',
  },
  {
    name: 'more positions than the model has',
    inputs: textInputs('n', ['input_ids', 'position_ids']).map(i => ({ ...i, rows: 512 })),
    wanted: { maxLength: 600 },
    message: 'The model knows 512 positions; the length chosen is 600.',
    code: 'bad-option',
  },
  {
    name: 'inputs of different lengths',
    inputs: [...textInputs(8, ['input_ids']), ...textInputs(9, ['attention_mask'])],
    message: "The model's inputs want texts of different lengths: 8, 9.",
    code: 'bad-data',
  },
  {
    name: 'a model that takes pictures',
    inputs: [floatInput(['N', 3, 8, 8], 'pixels')],
    message: "None of the model's inputs (pixels) is known to take token numbers.",
    code: 'bad-data',
  },
  {
    name: 'an input that is no matrix',
    inputs: [{ name: 'input_ids', type: 'int64', shape: ['N', 2, 8] }],
    message: "The model's input input_ids wants [N, 2, 8]; tokens are [samples, length].",
    code: 'bad-data',
  },
  {
    name: 'an input of strings',
    inputs: [{ name: 'input_ids', type: 'string', shape: ['N', 8] }],
    message: "The model's input input_ids is of type string, which takes no token numbers.",
    code: 'bad-data',
  },
  {
    name: 'a role for an input that is not there',
    wanted: { roles: { words: 'ids' } },
    message: 'The model has no input words.',
    code: 'bad-option',
  },
]

describe('hostile text', () => {
  for (const [
    i,
    { name, data, tokenizer, inputs = textInputs(8), wanted, more, message, code },
  ] of corpus.entries()) {
    it(`${name}: ${message}`, async () => {
      const source = data ? folder.file(data[0]) : mails
      if (data) writeFileSync(source, data[1])
      const place = folder.file(tokenizer === 'gone.json' ? 'gone.json' : `tokenizer-${i}.json`)
      const content = typeof tokenizer === 'object' ? JSON.stringify(tokenizer) : (tokenizer ?? '')
      if (tokenizer !== undefined && tokenizer !== 'gone.json') writeFileSync(place, content)
      const preprocessing = { kind: 'text', tokenizer: tokenizer === undefined ? good : place, ...wanted }
      const attempt = openDataset(DatasetSpec.parse({ source, preprocessing, ...more }), inputs).then(
        async d => {
          await d.batch([0])
          await d.batch([1])
        },
      )
      await expect(attempt).rejects.toMatchObject({ message, code })
    })
  }

  it('asks for a tokenizer where model and data want one', async () => {
    await expect(openDataset(DatasetSpec.parse({ source: mails }), textInputs(8))).rejects.toMatchObject({
      code: 'bad-data',
      message:
        'The model takes tokens (input_ids, attention_mask) and the data holds text: a tokenizer is needed.',
      action: 'Choose the tokenizer.json that came with the model, or put it beside the data.',
    })
  })

  it('takes token numbers as they are where the data holds them', async () => {
    const source = folder.file('ids.jsonl')
    writeFileSync(
      source,
      jsonl([
        { input_ids: [1, 2], text: 'a' },
        { input_ids: [3, 4], text: 'b' },
      ]),
    )
    const data = await openDataset(DatasetSpec.parse({ source }), textInputs(2, ['input_ids']))
    expect((await data.batch([1])).feeds.input_ids?.data).toEqual(BigInt64Array.of(3n, 4n))
    await data.close()
  })

  it('reads texts that look like missing values, markup or special tokens as what they are', async () => {
    const source = folder.file('odd.parquet')
    const odd = ['null', '<script>alert(1)</script>', 'hello [SEP] now', '\ud83d\ude00 \u0000 free', 'n/a']
    writeFileSync(
      source,
      Buffer.from(parquetWriteBuffer({ columnData: [{ name: 'text', type: 'STRING', data: odd }] })),
    )
    const preprocessing = { kind: 'text', tokenizer: good }
    const data = await openDataset(DatasetSpec.parse({ source, preprocessing }), textInputs(8))
    expect(odd.map((_, i) => data.texts?.(i)?.[0])).toEqual(odd)
    const { feeds } = await data.batch([2, 3])
    expect(Array.from(feeds.input_ids?.data as BigInt64Array, Number)).toEqual([
      2, 7, 3, 6, 3, 0, 0, 0, 2, 1, 4, 3, 0, 0, 0, 0,
    ])
    await checkDataset(data, textInputs(8), quietContext)
    await data.close()
  })

  it('warns of a tokenizer that is larger than the model', async () => {
    const inputs = textInputs(8).map(i => ({ ...i, rows: WORDS.length - 1 }))
    const preprocessing = { kind: 'text', tokenizer: good }
    const data = await openDataset(DatasetSpec.parse({ source: mails, preprocessing }), inputs)
    expect(data.summary.notes.map(n => n.message)).toContain(
      `The tokenizer knows ${WORDS.length} tokens, the model ${WORDS.length - 1}: they may not belong together.`,
    )
    await data.close()
  })

  it('reads more texts than a dictionary holds', async () => {
    const source = folder.file('many.csv')
    writeFileSync(source, `text\n${Array.from({ length: 21_000 }, (_, i) => `hello ${i}`).join('\n')}\n`)
    const preprocessing = { kind: 'text', tokenizer: good }
    const data = await openDataset(DatasetSpec.parse({ source, preprocessing }), textInputs(8))
    expect(data.texts?.(20_999)).toEqual(['hello 20999'])
    await data.close()
  })
})
