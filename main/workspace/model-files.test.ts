import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { modelHash, readModel } from '../onnx/read'
import { makeTensor, tensorBytes } from '../onnx/tensor'
import { writeModel } from '../onnx/write'
import { inWorkspace } from './fixture'
import { putModel } from './model-files'

/** A model of one addition whose weight lies beside it. */
async function writeExternal(folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, 'net.onnx')
  const weight = Float32Array.from({ length: 1000 }, (_, i) => i)
  const model = makeModel({
    nodes: [makeNode('Add', ['x', 'w'], ['y'])],
    inputs: [makeValue('x', 'float32', [1000])],
    outputs: [makeValue('y', 'float32', [1000])],
    initializers: [makeTensor('w', 'float32', [1000], weight)],
  })
  const { files } = await writeModel(model, path, { externalAbove: 100 })
  expect(files).toHaveLength(2)
  return path
}

test('[W11] a model keeps its external data, under its hash', () =>
  inWorkspace(async ({ store, folder }) => {
    const path = await writeExternal(join(folder, 'source'))
    const hash = await putModel(store, path, await modelHash(path))
    expect(await modelHash(store.modelPath(hash))).toBe(hash)
    expect(readdirSync(store.modelFolder(hash))).toHaveLength(2)
    const stored = await readModel(store.modelPath(hash))
    const [weight] = [...stored.graph.initializers()]
    const bytes = weight && tensorBytes(weight, stored.directory)
    expect(bytes && new Float32Array(bytes.slice().buffer)[999]).toBe(999)
    expect(await putModel(store, path)).toBe(hash) // once more changes nothing
    expect(readdirSync(join(folder, 'tmp'))).toEqual([])
  }))

test('[W11] a copy that is not what was checked is refused', () =>
  inWorkspace(async ({ store, folder }) => {
    const path = await writeExternal(join(folder, 'source'))
    const before = await modelHash(path)
    const data = join(folder, 'source', readdirSync(join(folder, 'source')).find(f => f !== 'net.onnx') ?? '')
    const bytes = readFileSync(data)
    bytes[0] = (bytes[0] ?? 0) ^ 1
    writeFileSync(data, bytes)
    await expect(putModel(store, path, before)).rejects.toMatchObject({
      code: 'bad-model',
      message: 'The file changed while it was being copied.',
    })
    expect(readdirSync(join(folder, 'models'))).toEqual([])
    expect(readdirSync(join(folder, 'tmp'))).toEqual([])
  }))

test('[W11] missing external data is refused and leaves nothing', () =>
  inWorkspace(async ({ store, folder }) => {
    const path = join(folder, 'alone.onnx')
    writeFileSync(path, readFileSync(await writeExternal(join(folder, 'source'))))
    await expect(putModel(store, path)).rejects.toMatchObject({ name: expect.stringMatching(/Error$/) })
    expect(existsSync(join(folder, 'models')) && readdirSync(join(folder, 'models'))).toEqual([])
    expect(readdirSync(join(folder, 'tmp'))).toEqual([])
  }))
