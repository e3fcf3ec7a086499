import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DatasetSpec, type TensorInfo } from '../../shared/domain'
import { openSession } from '../runtime/session'
import type { Dataset } from './dataset'
import { openDataset } from './open'
import { probeData } from './probe'
import { sampleDescription, sampleModelPath } from './source'

const INPUTS: TensorInfo[] = [{ name: 'input', type: 'float32', shape: ['batch', 1, 28, 28] }]
let digits: Dataset

beforeAll(async () => {
  digits = await openDataset(DatasetSpec.parse({ source: 'sample:digits' }), INPUTS)
})
afterAll(() => digits.close())

describe('sample:digits', () => {
  it('says what it is', async () => {
    const { summary } = digits
    expect(summary).toMatchObject({
      format: 'npz',
      count: 10_000,
      task: 'classification',
      classes: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
      classCounts: [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978],
      splits: { train: 6000, calibration: 1000, test: 3000 },
      inputs: [{ name: 'input', type: 'float32', shape: [1, 28, 28] }],
      notes: [],
    })
    const again = await openDataset(summary.spec, INPUTS)
    expect(again.summary).toEqual(summary)
    await again.close()
  })

  it('has the splits the teacher was trained by', () => {
    const { splitDigests } = sampleDescription('digits')
    for (const split of ['train', 'calibration', 'test'] as const) {
      const digest = createHash('sha256')
        .update(new Uint8Array(digits.indices(split).buffer))
        .digest('hex')
      expect(digest).toBe(splitDigests[split])
    }
  })

  it('lets the teacher reach its stated accuracy on the test split', async () => {
    const session = await openSession(sampleModelPath('digits'), { threads: 1 })
    expect(session.inputs).toEqual(INPUTS)
    const test = digits.indices('test')
    let right = 0
    for (let at = 0; at < test.length; at += 250) {
      const { feeds, labels = new Float64Array() } = await digits.batch(test.subarray(at, at + 250))
      const { logits } = await session.run(feeds)
      const data = logits?.data as Float32Array
      for (let i = 0; i < labels.length; i++) {
        const row = data.subarray(i * 10, i * 10 + 10)
        if (row.indexOf(Math.max(...row)) === labels[i]) right++
      }
    }
    await session.close()
    expect(right / test.length).toBeCloseTo(0.98733, 4)
  })

  it('gives a picture, a preview and a probe', async () => {
    const png = await digits.picture(3)
    expect(
      Buffer.from(png ?? [])
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG')
    const preview = await digits.preview(0)
    expect(preview).toMatchObject({
      index: 0,
      label: '0',
      tensors: [{ name: 'input', shape: [1, 1, 28, 28], min: 0 }],
    })
    expect(preview.tensors[0]?.max).toBe(1)
    expect(preview.image).toMatch(/^data:image\/png;base64,iVBOR/)
    const probe = await probeData('sample:digits', INPUTS)
    expect(probe.suggestion).toEqual(digits.summary.spec)
    expect(probe.notes).toEqual([])
  })

  it('keeps every sample in its split in a range', async () => {
    const part = await openDataset(DatasetSpec.parse({ source: 'sample:digits#2000:3000' }), INPUTS)
    expect(part.summary.count).toBe(1000)
    expect(part.summary.classes).toHaveLength(10)
    const whole = new Set(digits.indices('test'))
    expect([...part.indices('test')].every(i => whole.has(i + 2000))).toBe(true)
    expect((await part.batch([5])).labels).toEqual((await digits.batch([2005])).labels)
    expect(part.summary.hash).not.toBe(digits.summary.hash)
    await part.close()
  })

  it('warns when another split would test the teacher on what it learned from', async () => {
    const spec = DatasetSpec.parse({ source: 'sample:digits', split: { seed: 9 } })
    const other = await openDataset(spec, INPUTS)
    expect(other.summary.notes.map(n => n.code)).toEqual(['teacher-saw-test'])
    await other.close()
  })

  it('refuses samples that do not exist', async () => {
    await expect(openDataset(DatasetSpec.parse({ source: 'sample:digitz' }), INPUTS)).rejects.toThrow(
      'There is no sample "digitz".',
    )
    await expect(digits.batch([10_000])).rejects.toThrow('There is no sample 10000; there are 10000.')
  })
})
