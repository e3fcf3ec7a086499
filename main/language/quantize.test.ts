/** What quantization makes of language models, whose pasts are empty. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DatasetSpec } from '../../shared/domain'
import { openDataset } from '../data/open'
import { evaluateModel } from '../measure/evaluate'
import { inspectModel } from '../measure/inspect'
import { writeModel } from '../onnx/write'
import { makeVariant } from '../operations/variant'
import { verifyFile } from '../operations/verify'
import { testContext } from '../quantize/testing'
import { tinyLanguageModel, writeTexts } from './testing'

let folder: string
let source: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-language-quantize-'))
  source = writeTexts(folder)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.each([
  ['weight-int4', { least: 64, group: 16 }, true],
  ['dynamic-int8', {}, false],
  ['static-int8', { reduceRange: true, samples: 16, calibration: 'percentile' }, true],
])('%s %o, with a cache: %s', async (method, options, cache) => {
  const parent = join(folder, `parent-${cache}.onnx`)
  await writeModel(tinyLanguageModel({ cache, context: 128 }), parent)
  const { inputs } = await inspectModel(parent)
  const preprocessing = { kind: 'text', tokenizer: join(folder, 'tokenizer.json'), maxLength: 8 }
  const dataset = await openDataset(DatasetSpec.parse({ source, preprocessing }), inputs)
  try {
    const out = join(folder, `${method}-${cache}.onnx`)
    const request = { parent, out, seed: 0, threads: 1, device: 'cpu' as const }
    const calibration = { dataset, indices: dataset.indices('all').subarray(0, 16) }
    const step = { technique: `quantize.${method}`, options }
    const { evidence } = await makeVariant({ ...request, step, calibration }, testContext())
    expect(evidence.verification).toMatchObject({ loads: true, parity: { samples: 16 } })
    expect(evidence.verification.parity?.sqnr).toBeGreaterThan(5)
    const { notes } = await verifyFile(out, testContext())
    expect(notes).toEqual([])
    const { evaluation } = await evaluateModel(
      { model: out, hash: 'v', dataset, split: 'all' },
      testContext(),
    )
    expect(evaluation.metrics.perplexity?.value).toBeGreaterThan(1)
  } finally {
    await dataset.close()
  }
})

test('without data the proof makes up tokens with an empty past', async () => {
  const parent = join(folder, 'cached.onnx')
  await writeModel(tinyLanguageModel({ cache: true, context: 128 }), parent)
  const step = { technique: 'quantize.weight-int4', options: { least: 64, group: 16 } }
  const out = join(folder, 'without.onnx')
  const { evidence } = await makeVariant(
    { parent, out, seed: 0, threads: 1, device: 'cpu', step },
    testContext(),
  )
  expect(evidence.verification.notes.map(n => n.code)).toEqual(['made-up-inputs'])
  expect(evidence.verification.parity?.samples).toBe(2)
})
