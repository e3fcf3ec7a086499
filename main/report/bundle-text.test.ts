import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DatasetSpec } from '../../shared/domain'
import { openDataset } from '../data/open'
import { quietContext } from '../data/testing'
import { jsonl, tokenizerJson, WORDS } from '../data/text/testing'
import { inspectModel } from '../measure/inspect'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { makeTensor } from '../onnx/tensor'
import { writeModel } from '../onnx/write'
import { openSession } from '../runtime/session'
import { toNumbers } from '../runtime/tensor'
import { writeBundle } from './bundle'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-bundle-text-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Sums of what tokens, types and positions are worth; padding is worth nothing. */
async function writeReader(path: string): Promise<void> {
  const table = Float32Array.from({ length: WORDS.length * 2 }, (_, i) => Math.sin(i + 1))
  const whole = (name: string, type: string) => makeValue(name, type, ['batch', 'length'])
  const cast = (from: string) => makeNode('Cast', [from], [`${from}.f`], { to: 1n })
  const model = makeModel({
    nodes: [
      makeNode('Gather', ['table', 'input_ids'], ['rows']),
      cast('token_type_ids'),
      cast('attention_mask'),
      cast('position_ids'),
      makeNode('Mul', ['token_type_ids.f', 'ten'], ['types']),
      makeNode('Add', ['types', 'position_ids.f'], ['marks']),
      makeNode('Unsqueeze', ['marks', 'last'], ['marks.2']),
      makeNode('Add', ['rows', 'marks.2'], ['sum']),
      makeNode('Unsqueeze', ['attention_mask.f', 'last'], ['mask.2']),
      makeNode('Mul', ['sum', 'mask.2'], ['kept']),
      makeNode('ReduceSum', ['kept', 'tokens'], ['logits'], { keepdims: 0n }),
    ],
    inputs: [
      whole('input_ids', 'int64'),
      whole('token_type_ids', 'int32'),
      whole('attention_mask', 'int64'),
      whole('position_ids', 'int64'),
    ],
    outputs: [makeValue('logits', 'float32', ['batch', 2])],
    initializers: [
      makeTensor('table', 'float32', [WORDS.length, 2], table),
      makeTensor('ten', 'float32', [], [10]),
      makeTensor('last', 'int64', [1], [2n]),
      makeTensor('tokens', 'int64', [1], [1n]),
    ],
  })
  await writeModel(model, path)
}

const SIDES = {
  right: {},
  left: {
    padding: { strategy: 'BatchLongest', direction: 'Left', pad_id: 0, pad_type_id: 0, pad_token: '[PAD]' },
    truncation: { direction: 'Left', max_length: 9, strategy: 'LongestFirst', stride: 0 },
  },
}
const PAIRS = [
  { premise: 'free money, free money, free money now', hypothesis: 'hello dears!', label: 'a' },
  { premise: 'hello', hypothesis: 'money', label: 'b' },
]

describe('the bundle of a model that reads text', () => {
  for (const [side, parts] of Object.entries(SIDES)) {
    it(`cuts texts as the engine does (${side}), in the Node example`, async () => {
      const model = join(folder, 'reader.onnx')
      await writeReader(model)
      const tokenizer = join(folder, `${side}.json`)
      writeFileSync(tokenizer, JSON.stringify(tokenizerJson(parts)))
      const source = join(folder, 'pairs.jsonl')
      writeFileSync(source, jsonl(PAIRS))
      const summary = await inspectModel(model)
      const preprocessing = { kind: 'text', tokenizer, maxLength: 9, padding: 'longest', multiple: 2 }
      const data = await openDataset(DatasetSpec.parse({ source, preprocessing }), summary.inputs)
      const { feeds } = await data.batch([1])
      const out = join(folder, `bundle-${side}`)
      const files = await writeBundle(
        {
          model,
          name: 'reader',
          summary,
          dataset: data.summary,
          sample: feeds,
          evidence: null,
          evaluation: null,
          benchmark: null,
          generatedAt: '2026-01-01T00:00:00.000Z',
          bantam: '0.1.0',
        },
        out,
        quietContext,
      )
      expect(files.map(f => f.path)).toContain('tokenizer.json')
      expect(JSON.parse(readFileSync(join(out, 'preprocessing.json'), 'utf8'))).toMatchObject({
        kind: 'text',
        tokenizer: 'tokenizer.json',
        maxLength: 9,
      })
      expect(readFileSync(join(out, 'python/requirements.txt'), 'utf8')).toContain('tokenizers>=')
      expect(readFileSync(join(out, 'csharp/Program.cs'), 'utf8')).toContain('takes token numbers')
      expect(readFileSync(join(out, 'README.md'), 'utf8')).toContain('give a text in quotes')
      symlinkSync(resolve('node_modules'), join(out, 'node/node_modules'), 'junction')
      const run = (...args: string[]) =>
        spawnSync(process.execPath, [join(out, 'node/index.mjs'), ...args], { encoding: 'utf8' })
      expect(run().stdout).toContain("Largest difference to Bantam's answers: 0\n")
      const session = await openSession(model, { threads: 1 })
      for (const [i, { premise, hypothesis }] of PAIRS.entries()) {
        const { logits } = await session.run((await data.batch([i])).feeds)
        const { stdout, stderr } = run(premise, hypothesis, '--json')
        expect(stderr).toBe('')
        expect(JSON.parse(stdout).logits).toEqual(Array.from(logits ? toNumbers(logits) : []))
      }
      await Promise.all([session.close(), data.close()])
      expect(run('a', 'b', 'c').status).toBe(2)
    })
  }
})
