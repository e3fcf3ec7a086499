import { mkdtempSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import { makeTensor } from '../../onnx/tensor'
import { arrayDataset, normals, testContext } from '../testing'
import { type CalibrationMethod, calibrate, keptStatistics } from './calibrate'
import { memoryStore } from './statistics'
import { folderStore } from './statistics-folder'

const model = makeModel({
  inputs: [makeValue('x', 'float32', ['n', 3, 8, 8])],
  outputs: [makeValue('y', 'float32', ['n', 4, 8, 8])],
  nodes: [
    makeNode('Conv', ['x', 'w'], ['c'], { pads: [1n, 1n, 1n, 1n] }),
    makeNode('Relu', ['c'], ['r']),
    makeNode('Neg', ['r'], ['y']),
  ],
  initializers: [makeTensor('w', 'float32', [4, 3, 3, 3], normals(108, 1, 0.3))],
})
const data = arrayDataset({ x: { dims: [70, 3, 8, 8], data: normals(70 * 192, 5) } })
const METHODS: CalibrationMethod[] = [
  { kind: 'minmax' },
  { kind: 'entropy', bins: 2048 },
  { kind: 'percentile', bins: 2048, percentile: 99 },
]

/** The data, and how many batches were read of it. */
function counting() {
  let reads = 0
  const dataset = {
    ...data,
    batch: (indices: ArrayLike<number>) => {
      reads++
      return data.batch(indices)
    },
  }
  return { dataset, reads: () => reads }
}

test('kept statistics serve every calibration with the ranges it would measure itself', async () => {
  const { dataset, reads } = counting()
  const request = { model, values: ['x', 'c', 'r'], dataset, indices: data.indices('all'), threads: 1 }
  const statistics = memoryStore()
  await calibrate({ ...request, statistics, method: { kind: 'minmax' } }, testContext())
  const once = reads()
  for (const method of METHODS) {
    const kept = await calibrate({ ...request, statistics, method }, testContext())
    expect(reads()).toBe(once)
    expect(kept).toEqual(await calibrate({ ...request, dataset: data, method }, testContext()))
  }
})

test('only values that are not there are measured, and other samples are other statistics', async () => {
  const { dataset, reads } = counting()
  const request = { model, dataset, indices: data.indices('all'), threads: 1, statistics: memoryStore() }
  const method: CalibrationMethod = { kind: 'entropy', bins: 2048 }
  await calibrate({ ...request, values: ['x', 'c'], method }, testContext())
  await calibrate({ ...request, values: ['r'], method }, testContext())
  const before = reads()
  const all = await calibrate({ ...request, values: ['r', 'x', 'c'], method }, testContext())
  expect(reads()).toBe(before)
  expect([...all.ranges.keys()]).toEqual(['r', 'x', 'c'])
  await calibrate(
    { ...request, values: ['r'], indices: request.indices.subarray(0, 64), method },
    testContext(),
  )
  expect(reads()).toBeGreaterThan(before)
})

describe('a folder of statistics', () => {
  const request = { model, values: ['x', 'r'], dataset: data, indices: data.indices('all'), threads: 1 }
  const inFolder = () => mkdtempSync(join(tmpdir(), 'bantam-statistics-'))

  test('[W16] gives back what was put, and nothing for a file that is not whole', async () => {
    const folder = inFolder()
    const found = await keptStatistics(request, testContext())
    await folderStore(folder).put('a', found)
    expect(await folderStore(folder).get('a')).toEqual(found)
    const file = join(folder, 'a.stats')
    writeFileSync(file, readFileSync(file).subarray(0, 200))
    expect(await folderStore(folder).get('a')).toBeUndefined()
    expect(await folderStore(folder).get('b')).toBeUndefined()
  })

  test('[W16] keeps what was used last', async () => {
    const folder = inFolder()
    const found = await keptStatistics(request, testContext())
    const wide = folderStore(folder)
    for (const [i, key] of ['a', 'b', 'c'].entries()) {
      await wide.put(key, found)
      utimesSync(join(folder, `${key}.stats`), 100 + i, 100 + i)
    }
    await wide.get('a')
    const { size } = statSync(join(folder, 'a.stats'))
    writeFileSync(join(folder, 'left.new'), 'half')
    utimesSync(join(folder, 'left.new'), 50, 50)
    await folderStore(folder, 2.5 * size).put('d', found)
    expect(readdirSync(folder).sort()).toEqual(['a.stats', 'd.stats'])
  })
})
