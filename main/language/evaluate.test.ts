import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DatasetSpec } from '../../shared/domain'
import { mainMetric } from '../../shared/metrics'
import type { Dataset } from '../data/dataset'
import { openDataset } from '../data/open'
import { evaluateModel, measure } from '../measure/evaluate'
import { inspectModel } from '../measure/inspect'
import { readOutputs, writeOutputs } from '../measure/outputs'
import { comparePredictions } from '../measure/predictions'
import { testContext } from '../measure/testing'
import { makeTensor } from '../onnx/tensor'
import { writeModel } from '../onnx/write'
import { openSession } from '../runtime/session'
import { type TinyOptions, tinyLanguageModel, writeTexts } from './testing'

let folder: string
let source: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-perplexity-'))
  source = writeTexts(folder)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function written(options: TinyOptions, name: string): Promise<string> {
  const path = join(folder, `${name}.onnx`)
  await writeModel(tinyLanguageModel(options), path)
  return path
}

async function open(model: string, maxLength = 8, from = source): Promise<Dataset> {
  const { inputs } = await inspectModel(model)
  const preprocessing = { kind: 'text', tokenizer: join(folder, 'tokenizer.json'), maxLength }
  return openDataset(DatasetSpec.parse({ source: from, preprocessing }), inputs)
}

/** exp of the mean −ln p of every next token, each window run alone and without padding. */
async function slowPerplexity(
  model: string,
  dataset: Dataset,
): Promise<{ perplexity: number; right: number }> {
  const session = await openSession(model, { threads: 1 })
  let [loss, tokens, right] = [0, 0, 0]
  try {
    for (const index of dataset.indices('all')) {
      const { feeds } = await dataset.batch([index])
      const ids = Array.from(feeds.input_ids?.data ?? [], Number).slice(0, dataset.tokens?.(index)?.fed)
      const whole = BigInt64Array.from(ids, BigInt)
      const row = (data: BigInt64Array<ArrayBuffer>) => ({
        type: 'int64' as const,
        dims: [1, ids.length],
        data,
      })
      const { logits } = await session.run({
        ...feeds,
        input_ids: row(whole),
        attention_mask: row(whole.map(() => 1n)),
        position_ids: row(whole.map((_, i) => BigInt(i))),
      })
      for (let t = 0; t + 1 < ids.length; t++) {
        const scores = Array.from(logits?.data ?? [], Number).slice(24 * t, 24 * (t + 1))
        const next = scores[ids[t + 1] ?? 0] ?? 0
        loss -= Math.log(Math.exp(next) / scores.reduce((sum, z) => sum + Math.exp(z), 0))
        if (scores.every(z => z <= next)) right++
        tokens++
      }
    }
  } finally {
    await session.close()
  }
  return { perplexity: Math.exp(loss / tokens), right: right / tokens }
}

describe('perplexity', () => {
  test.each([
    ['without a cache', { cache: false }],
    ['with a cache, empty', { cache: true }],
  ])('%s is that of every window alone', async (name, options) => {
    const model = await written(options, name.slice(0, 6))
    const dataset = await open(model)
    const context = testContext(folder)
    const { evaluation, outputs } = await evaluateModel({ model, hash: 'a', dataset, split: 'all' }, context)
    const expected = await slowPerplexity(model, dataset)
    expect(evaluation.task).toBe('language')
    const { perplexity, bitsPerToken, nextToken } = evaluation.metrics
    expect(perplexity?.value).toBeCloseTo(expected.perplexity, 5)
    expect(bitsPerToken?.value).toBeCloseTo(Math.log2(expected.perplexity), 5)
    expect(nextToken?.value).toBeCloseTo(expected.right, 10)
    expect(perplexity?.low).toBeLessThan(expected.perplexity)
    expect(perplexity?.high).toBeGreaterThan(expected.perplexity)
    expect(mainMetric({ evaluation }).id).toBe('perplexity')
    expect(outputs.outputs.map(o => o.name)).toEqual(['logits'])
    expect(evaluation.notes).toEqual([])
    await dataset.close()
  })

  test('both forms of a model agree, and a coarser one is compared on the same tokens', async () => {
    const model = await written({}, 'teacher')
    const cached = await written({ cache: true }, 'cached')
    const coarse = tinyLanguageModel()
    const head = Float32Array.from({ length: 16 * 24 }, (_, i) => Math.sin(i))
    coarse.graph.setInitializer(makeTensor('head', 'float32', [16, 24], head))
    const other = join(folder, 'coarse.onnx')
    await writeModel(coarse, other)
    const [dataset, cachedData] = [await open(model), await open(cached)]
    const context = testContext(folder)
    const teacher = await evaluateModel({ model, hash: 'a', dataset, split: 'all' }, context)
    const same = await evaluateModel({ model: cached, hash: 'b', dataset: cachedData, split: 'all' }, context)
    expect(same.evaluation.metrics.perplexity?.value).toBeCloseTo(
      teacher.evaluation.metrics.perplexity?.value ?? 0,
      4,
    )
    // Opened for a model without a cache, the data do for one with a cache too.
    const again = await evaluateModel({ model: cached, hash: 'b', dataset, split: 'all' }, context)
    expect(again.evaluation.metrics.perplexity?.value).toBeCloseTo(
      same.evaluation.metrics.perplexity?.value ?? 0,
      4,
    )
    const path = join(folder, 'outputs')
    await writeOutputs(path, teacher.outputs)
    const kept = await readOutputs(path)
    expect(kept).toEqual(teacher.outputs)
    const reference = { hash: 'a', outputs: kept }
    const variant = await evaluateModel(
      { model: other, hash: 'c', dataset, split: 'all', reference },
      context,
    )
    const [first, , third] = variant.evaluation.differences
    const gap =
      (variant.evaluation.metrics.perplexity?.value ?? 0) - (kept.language ? teacherPerplexity(teacher) : 0)
    expect(first).toMatchObject({ metric: 'perplexity', test: 'paired bootstrap', shown: true })
    expect(first?.value).toBeCloseTo(gap, 8)
    expect(third?.metric).toBe('nextToken')
    const [agreement] = variant.evaluation.agreement
    expect(agreement?.top1).toBeGreaterThan(0)
    expect(agreement?.top1).toBeLessThan(0.9)
    const itself = measure(kept, [], kept)
    expect(itself.differences[0]).toMatchObject({ value: 0, shown: false })
    expect(itself.agreement[0]).toMatchObject({ top1: 1, sqnr: null })
    const options = { classes: [], task: 'language', filter: 'differ', offset: 0, limit: 2 } as const
    const page = comparePredictions(kept, variant.outputs, options)
    expect(page.items).toHaveLength(2)
    expect(page.items[0]?.variant.output).toMatch(/^perplexity [\d.]+, \d+ of \d+ next tokens right$/)
    expect(page.items[0]?.distance).toBeGreaterThanOrEqual(page.items[1]?.distance ?? 0)
    await Promise.all([dataset.close(), cachedData.close()])
  })

  test('is not claimed of a model that sees the tokens it should predict', async () => {
    const causal = await written({}, 'causal')
    const model = await written({ causal: false }, 'gaps')
    const dataset = await open(causal)
    const { evaluation } = await evaluateModel(
      { model, hash: 'a', dataset, split: 'all' },
      testContext(folder),
    )
    expect(evaluation.metrics).toEqual({})
    expect(evaluation.notes.map(n => n.code)).toEqual(['evaluate.no-language-model'])
    await dataset.close()
  })

  test('leaves out tokens whose scores are not finite, and says so; few texts make a note', async () => {
    const broken = tinyLanguageModel()
    const wte = Float32Array.from({ length: 24 * 16 }, (_, i) => (i < 16 * 3 ? Number.NaN : Math.sin(i)))
    broken.graph.setInitializer(makeTensor('wte', 'float32', [24, 16], wte))
    const model = join(folder, 'broken.onnx')
    await writeModel(broken, model)
    const dataset = await open(model, 8, `${source}#0:12`)
    const { evaluation } = await evaluateModel(
      { model, hash: 'a', dataset, split: 'all' },
      testContext(folder),
    )
    expect(evaluation.notes.map(n => n.code)).toEqual(['evaluate.nonfinite', 'evaluate.few-texts'])
    expect(evaluation.metrics.perplexity?.value).toBeGreaterThan(1)
    await dataset.close()
  })
})

function teacherPerplexity({ evaluation }: Awaited<ReturnType<typeof evaluateModel>>): number {
  return evaluation.metrics.perplexity?.value ?? Number.NaN
}
