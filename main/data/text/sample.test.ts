import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DatasetSpec } from '../../../shared/domain'
import type { Dataset } from '../dataset'
import { openDataset } from '../open'
import { probeData } from '../probe'
import { sampleDescription } from '../source'
import { textInputs } from './testing'

const INPUTS = textInputs(128)
let mails: Dataset

beforeAll(async () => {
  mails = await openDataset(DatasetSpec.parse({ source: 'sample:spam' }), INPUTS)
})
afterAll(() => mails.close())

describe('sample:spam', () => {
  it('says what it is', async () => {
    expect(mails.summary).toMatchObject({
      format: 'parquet',
      count: 4468,
      task: 'classification',
      classes: ['ham', 'spam'],
      classCounts: [3430, 1038],
      splits: { train: 2681, calibration: 447, test: 1340 },
      notes: [],
    })
    expect((await probeData('sample:spam', INPUTS)).suggestion).toEqual(mails.summary.spec)
  })

  it('has the splits the tokenizer was trained by', () => {
    const { splitDigests } = sampleDescription('spam')
    for (const split of ['train', 'calibration', 'test'] as const) {
      const digest = createHash('sha256')
        .update(new Uint8Array(mails.indices(split).buffer))
        .digest('hex')
      expect(digest).toBe(splitDigests[split])
    }
  })

  it('feeds token numbers of 4096, with hardly a word unknown', async () => {
    const { feeds, labels } = await mails.batch(mails.indices('test').subarray(0, 200))
    const ids = Array.from(feeds.input_ids?.data as BigInt64Array, Number)
    expect(Math.max(...ids)).toBeLessThan(4096)
    expect(ids.filter(id => id === 1).length / ids.filter(id => id > 0).length).toBeLessThan(0.01)
    expect(new Set(labels)).toEqual(new Set([0, 1]))
  })

  it('shows neither addresses nor links, and no mail twice', () => {
    const all = Array.from({ length: mails.summary.count }, (_, i) => mails.texts?.(i)?.[0] ?? '')
    expect(all.filter(text => /\w@\w|https?:\/\/\w/.test(text)).length).toBe(0)
    expect(new Set(all).size).toBe(all.length)
  })
})
