/** For tests through the contract: a study of a net so small that any job on it is done at once, and points for it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { DatasetSpec } from '../../shared/domain'
import { writeModel } from '../onnx/write'
import { spiral, spiralNet } from '../training/testing'
import { quiet, type TestBench, withBench } from './testing'

export interface Desk extends TestBench {
  study: string
  teacher: string
}

/** A study with a net of two layers of so many channels, and without data. */
export async function withNet(channels: number, work: (desk: Desk) => Promise<void>): Promise<void> {
  await withBench(async test => {
    const { client, folder, grant, ended } = test
    const { id: study } = await client.studies.create({ name: 'Spiral' })
    const file = join(folder, 'net.onnx')
    await writeModel(spiralNet(channels), file)
    const { result, error } = await ended((await client.models.import({ study, file: grant(file) })).id)
    expect(error).toBeNull()
    await quiet(test)
    await work({ ...test, study, teacher: result ?? '' })
  })
}

/** Adds a table of points, half of them for testing. */
export async function addPoints(desk: Desk, choices: Partial<DatasetSpec> = {}): Promise<void> {
  const { client, folder, grant, ended, study } = desk
  const data = spiral(240)
  const { feeds, labels } = await data.batch(data.indices('all'))
  const x = feeds.x?.data ?? []
  const rows = Array.from({ length: 240 }, (_, i) => `${x[2 * i]},${x[2 * i + 1]},arm${labels?.[i]}`)
  const path = join(folder, 'points.csv')
  writeFileSync(path, `a,b,label\n${rows.join('\n')}\n`)
  const file = grant(path)
  const { suggestion } = await client.datasets.probe({ study, file })
  const spec = { ...suggestion, inputs: { x: ['a', 'b'] }, ...choices }
  const job = await ended((await client.datasets.import({ study, file, name: 'Points', spec })).id)
  expect(job.error).toBeNull()
  await quiet(desk)
}
