import { createHash } from 'node:crypto'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { DatasetSpec } from '../../shared/domain'
import { jsonl, tokenizerJson, WORDS } from '../data/text/testing'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { makeTensor } from '../onnx/tensor'
import { writeModel } from '../onnx/write'
import { collectGarbage } from '../workspace/collect'
import { type TestBench, withBench } from './testing'

/** Two numbers per token, summed. */
async function writeReader(path: string): Promise<void> {
  const table = Float32Array.from({ length: WORDS.length * 2 }, (_, i) => Math.cos(i))
  const model = makeModel({
    nodes: [
      makeNode('Gather', ['table', 'input_ids'], ['rows']),
      makeNode('ReduceSum', ['rows', 'axis'], ['logits'], { keepdims: 0n }),
    ],
    inputs: [makeValue('input_ids', 'int64', ['batch', 8])],
    outputs: [makeValue('logits', 'float32', ['batch', 2])],
    initializers: [
      makeTensor('table', 'float32', [WORDS.length, 2], table),
      makeTensor('axis', 'int64', [1], [1n]),
    ],
  })
  await writeModel(model, path)
}

async function studyOfTexts({ client, grant, ended, folder }: TestBench) {
  const place = (name: string) => join(folder, name)
  await writeReader(place('reader.onnx'))
  writeFileSync(place('words.json'), JSON.stringify(tokenizerJson()))
  const rows = Array.from({ length: 12 }, (_, i) => ({
    text: i % 2 ? 'free money' : 'hello <b>',
    label: i % 2,
  }))
  writeFileSync(place('mails.jsonl'), jsonl(rows))
  const { id: study } = await client.studies.create({ name: 'Mails' })
  const model = await client.models.import({ study, file: grant(place('reader.onnx')) })
  expect((await ended(model.id)).error).toBeNull()
  return { study, file: grant(place('mails.jsonl')), tokenizer: place('words.json') }
}

test('texts are imported with a tokenizer of the workspace’s own, and shown beside the answers', async () => {
  await withBench(async desk => {
    const { client, ended, grant, bench } = desk
    const { study, file, tokenizer } = await studyOfTexts(desk)
    const bytes = Buffer.from(JSON.stringify(tokenizerJson()))
    const digest = createHash('sha256').update(bytes).digest('hex')
    const preprocessing = { kind: 'text', tokenizer: grant(tokenizer) }
    const spec = DatasetSpec.parse({ source: '', preprocessing })
    const { samples } = await client.datasets.preview({ study, file, spec, indices: [1] })
    expect(samples[0]?.text?.tokens.map(t => t.text)).toEqual(['[CLS]', 'free', 'money', '[SEP]'])
    const job = await ended((await client.datasets.import({ study, file, name: 'Mails', spec })).id)
    expect(job.error).toBeNull()
    rmSync(tokenizer)
    for (const { id } of await client.jobs.list()) expect((await ended(id)).error).toBeNull()
    const data = await client.datasets.get({ id: job.result ?? '' })
    const kept = bench.workspace.store.path(digest)
    expect(data.spec.preprocessing).toMatchObject({ kind: 'text', digest, tokenizer: kept })
    collectGarbage(bench.workspace.database, bench.workspace.store)
    expect(existsSync(kept)).toBe(true)
    const { variants } = await client.studies.get({ id: study })
    const answers = await client.variants.predictions({
      id: variants[0]?.id ?? '',
      filter: 'all',
      offset: 0,
      limit: 50,
    })
    expect(answers.items.every(item => item.image === null)).toBe(true)
    expect(new Set(answers.items.map(item => item.texts?.[0]))).toEqual(new Set(['hello <b>', 'free money']))
  })
})

test('a screen cannot have any other file read as a tokenizer', async () => {
  await withBench(async desk => {
    const { client } = desk
    const { study, file, tokenizer } = await studyOfTexts(desk)
    const spec = DatasetSpec.parse({
      source: '',
      preprocessing: { kind: 'text', tokenizer: `/etc/../${tokenizer}x` },
    })
    await expect(client.datasets.preview({ study, file, spec, indices: [0] })).rejects.toMatchObject({
      data: { code: 'not-found', message: 'There is no such tokenizer.' },
    })
  })
})
