import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openSession } from '../runtime/session'
import { type Tensor, toNumbers } from '../runtime/tensor'
import { makeModel, makeNode, makeValue } from './build'
import { isPaged } from './paged'
import { modelFiles, modelHash, readModel, readModelBytes } from './read'
import { isExternal, makeTensor, tensorBytes } from './tensor'
import { REAL_MODELS } from './testing'
import { serialize, writeModel } from './write'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-write-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** y = x·W + W₂·0 with two weights that share their bytes. */
function linear(size = 64) {
  const values = Float32Array.from({ length: size * size }, (_, i) => Math.sin(i))
  const shared = makeTensor('w', 'float32', [size, size], values)
  const twin = makeTensor('w2', 'float32', [size, size], values)
  twin.rawData = shared.rawData
  return makeModel({
    nodes: [makeNode('MatMul', ['x', 'w'], ['h']), makeNode('MatMul', ['h', 'w2'], ['y'])],
    inputs: [makeValue('x', 'float32', ['n', size])],
    outputs: [makeValue('y', 'float32', ['n', size])],
    initializers: [shared, twin],
  })
}

function numbers(tensor: Tensor | undefined): number[] {
  return tensor ? [...toNumbers(tensor)] : []
}

async function output(path: string, size = 64): Promise<number[]> {
  const session = await openSession(path, { threads: 1 })
  const data = Float32Array.from({ length: size }, (_, i) => i / size)
  const { y } = await session.run({ x: { type: 'float32', dims: [1, size], data } })
  await session.close()
  return numbers(y)
}

describe('round trip', () => {
  it.each(REAL_MODELS)('%s comes back byte for byte', async path => {
    const before = readFileSync(path)
    const out = join(folder, 'copy.onnx')
    const { files, sizeBytes } = await writeModel(await readModel(path), out)
    expect(files).toEqual([out])
    expect(sizeBytes).toBe(before.byteLength)
    expect(Buffer.compare(readFileSync(out), before)).toBe(0)
    expect(Buffer.compare(serialize(await readModel(path)), before)).toBe(0)
  })

  it('keeps unknown fields at every level, packed or not, and in the same place', async () => {
    const model = linear()
    const unknown = [{ no: 4000, wireType: 2, data: new Uint8Array([3, 1, 2, 3]) }]
    model.proto.$unknown = unknown
    model.graph.proto.$unknown = unknown
    for (const node of model.graph.nodes) node.$unknown = unknown
    for (const tensor of model.graph.initializers()) tensor.$unknown = unknown
    const once = serialize(model)
    const again = readModelBytes(once, null)
    expect(again.graph.proto.$unknown).toEqual(unknown)
    expect(again.graph.nodes[0]?.$unknown).toEqual(unknown)
    expect(again.graph.initializer('w')?.$unknown).toEqual(unknown)
    expect(Buffer.compare(serialize(again), once)).toBe(0)
  })
})

describe('external data', () => {
  it('goes beside the model above the size asked for, shared weights once', async () => {
    const path = join(folder, 'm.onnx')
    await writeModel(linear(), path)
    const plain = await output(path)
    const { files, sizeBytes } = await writeModel(linear(), path, { externalAbove: 1000 })
    expect(files).toEqual([path, `${path}.data`])
    expect(statSync(`${path}.data`).size).toBe(64 * 64 * 4)
    expect(sizeBytes).toBe(statSync(path).size + statSync(`${path}.data`).size)
    expect(await output(path)).toEqual(plain)
    const model = await readModel(path)
    expect([...model.graph.initializers()].map(isExternal)).toEqual([true, true])
    expect(await modelFiles(path)).toEqual([path, `${path}.data`])
  })

  it('keeps the form the model came with, unless told otherwise', async () => {
    const first = join(folder, 'first.onnx')
    await writeModel(linear(), first, { externalAbove: 0 })
    const second = join(folder, 'second.onnx')
    expect((await writeModel(await readModel(first), second)).files).toEqual([second, `${second}.data`])
    const third = join(folder, 'third.onnx')
    const inline = await writeModel(await readModel(second), third, {
      externalAbove: Number.POSITIVE_INFINITY,
    })
    expect(inline.files).toEqual([third])
    const model = await readModel(third)
    expect([...model.graph.initializers()].map(isExternal)).toEqual([false, false])
    expect(await output(third)).toEqual(await output(first))
    expect(await modelHash(first)).not.toBe(await modelHash(third))
  })

  it('lets a model be written over itself', async () => {
    const path = join(folder, 'm.onnx')
    await writeModel(linear(), path, { externalAbove: 0 })
    const before = await output(path)
    await writeModel(await readModel(path), path)
    expect(await output(path)).toEqual(before)
    expect(readdirSync(folder).sort()).toEqual(['m.onnx', 'm.onnx.data'])
  })

  it('leaves nothing behind when a weight cannot be read', async () => {
    const path = join(folder, 'm.onnx')
    await writeModel(linear(), path, { externalAbove: 0 })
    const model = await readModel(path)
    rmSync(`${path}.data`)
    await expect(writeModel(model, join(folder, 'out.onnx'))).rejects.toThrow(
      'The data file m.onnx.data of the model is missing.',
    )
    expect(readdirSync(folder)).toEqual(['m.onnx'])
  })
})

describe('a large single file', () => {
  it('is read without its weights, and written back byte for byte', async () => {
    const path = join(folder, 'large.onnx')
    await writeModel(linear(160), path)
    const model = await readModel(path, { pagedAbove: 1000 })
    const tensors = [...model.graph.initializers()]
    expect(tensors.map(isPaged)).toEqual([true, true])
    expect(tensors.map(t => t.rawData.byteLength)).toEqual([0, 0])
    const whole = await readModel(path)
    for (const tensor of tensors) {
      const other = whole.graph.initializer(tensor.name)
      expect(other && Buffer.compare(tensorBytes(tensor, folder), other.rawData)).toBe(0)
    }
    const copy = join(folder, 'copy.onnx')
    expect((await writeModel(model, copy)).files).toEqual([copy])
    expect(Buffer.compare(readFileSync(copy), readFileSync(path))).toBe(0)
    expect(await modelFiles(path)).toEqual([path])
  })

  it('can be opened by ONNX Runtime from its message alone', async () => {
    const path = join(folder, 'large.onnx')
    await writeModel(linear(160), path)
    const model = await readModel(path, { pagedAbove: 1000 })
    const session = await openSession(serialize(model), { threads: 1 }, folder)
    const data = Float32Array.from({ length: 160 }, (_, i) => i / 160)
    const { y } = await session.run({ x: { type: 'float32', dims: [1, 160], data } })
    await session.close()
    expect(numbers(y)).toEqual(await output(path, 160))
  })
})
