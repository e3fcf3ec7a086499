import { writeFileSync } from 'node:fs'
import sharp from 'sharp'
import { afterAll, describe, expect, it } from 'vitest'
import { DatasetSpec, ImagePreprocessing } from '../../shared/domain'
import { checkDataset } from './check'
import type { Dataset } from './dataset'
import { openDataset } from './open'
import { bytesOf, floatInput, npyBytes, npzBytes, quietContext, tempFolder } from './testing'

const folder = tempFolder()
afterAll(() => folder.remove())

const INPUTS = [floatInput(['N', 2])]

async function open(values: Float32Array, spec: Partial<DatasetSpec> = {}): Promise<Dataset> {
  const count = values.length / 2
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 2)
  const source = folder.file('data.npz')
  const arrays = {
    input: npyBytes('<f4', [count, 2], bytesOf(values)),
    labels: npyBytes('|u1', [count], labels),
  }
  writeFileSync(source, npzBytes(arrays))
  return openDataset(DatasetSpec.parse({ source, ...spec }), INPUTS)
}

const distinct = (count: number) => Float32Array.from({ length: count * 2 }, (_, i) => i)

describe('checkDataset', () => {
  it('counts samples and classes', async () => {
    const data = await open(distinct(201))
    const seen: number[] = []
    const context = { ...quietContext, progress: (f: number) => void seen.push(f) }
    expect(await checkDataset(data, INPUTS, context)).toEqual({
      count: 201,
      classCounts: [101, 100],
      duplicates: 0,
      leaked: 0,
      notes: [],
    })
    expect(seen.at(-1)).toBe(1)
    await data.close()
  })

  it('finds samples of other splits in the test split', async () => {
    const values = distinct(300)
    const probe = await open(values)
    const [test = 0, train = 0, calibration = 0] = [
      probe.indices('test')[0],
      probe.indices('train')[3],
      probe.indices('calibration')[0],
    ]
    for (const copy of [train, calibration]) values.copyWithin(copy * 2, test * 2, test * 2 + 2)
    await probe.close()
    const data = await open(values)
    const result = await checkDataset(data, INPUTS, quietContext)
    expect(result).toMatchObject({ duplicates: 2, leaked: 2 })
    expect(result.notes.map(n => n.message)).toEqual([
      '1 sample of the train split is also in the test split, equal in every value the model sees.',
      '1 sample of the calibration split is also in the test split, equal in every value the model sees.',
      '2 samples repeat earlier ones.',
    ])
    await data.close()
  })

  it('names the one sample that is not finite, or the first of many', async () => {
    const values = distinct(150)
    values[141] = Number.NaN
    const one = await open(values)
    await expect(checkDataset(one, INPUTS, quietContext)).rejects.toThrow(
      'Sample 70: value 1 of input is NaN (or missing).',
    )
    await one.close()
    for (const i of [0, 4, 6, 8]) values[i] = Number.POSITIVE_INFINITY
    const many = await open(values)
    await expect(checkDataset(many, INPUTS, quietContext)).rejects.toThrow(
      '5 of 150 samples cannot be used. Sample 0: value 0 of input is infinity. Sample 2: value 0 of input is infinity. Sample 3: value 0 of input is infinity. And 2 more.',
    )
    await many.close()
  })

  it('names unreadable pictures', async () => {
    for (let i = 0; i < 4; i++) {
      const png = await sharp({
        create: { width: 4, height: 4, channels: 3, background: { r: i, g: 0, b: 0 } },
      })
        .png()
        .toBuffer()
      writeFileSync(folder.file(`${i}.png`), i % 2 ? png : png.subarray(0, 50))
    }
    const preprocessing = ImagePreprocessing.parse({ kind: 'image', height: 4, width: 4 })
    const inputs = [floatInput(['N', 3, 4, 4])]
    const data = await openDataset(DatasetSpec.parse({ source: folder.path, preprocessing }), inputs)
    await expect(checkDataset(data, inputs, quietContext)).rejects.toThrow(
      /^2 of 4 samples cannot be used\. The picture 0\.png cannot be read: .+\. The picture 2\.png cannot be read: .+\.$/,
    )
  })

  it('finds wrong shapes and labels in what another reader gives', async () => {
    const data = await open(distinct(10))
    const wider = [floatInput(['N', 3])]
    await expect(checkDataset(data, wider, quietContext)).rejects.toThrow(
      "10 of 10 samples cannot be used. Sample 0 has shape [2]; the model's input input wants [3].",
    )
    const label = (value: number): Dataset => ({
      ...data,
      summary: data.summary,
      batch: async indices => ({
        ...(await data.batch(indices)),
        labels: new Float64Array(indices.length).fill(value),
      }),
      indices: split => data.indices(split),
    })
    await expect(checkDataset(label(2), INPUTS, quietContext)).rejects.toThrow(
      'Sample 0 has the label 2, which is none of the 2 classes.',
    )
    await expect(checkDataset(label(Number.NaN), INPUTS, quietContext)).rejects.toThrow(
      'Sample 0 has no label.',
    )
    await data.close()
  })

  it('stops when told to', async () => {
    const data = await open(distinct(500))
    const controller = new AbortController()
    const context = { ...quietContext, signal: controller.signal, progress: () => controller.abort() }
    await expect(checkDataset(data, INPUTS, context)).rejects.toMatchObject({ code: 'cancelled' })
    await data.close()
  })
})
