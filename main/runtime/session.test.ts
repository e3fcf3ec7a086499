import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NodeProto, ValueInfoProto } from 'onnx-buf'
import { afterAll, describe, expect, it } from 'vitest'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { dataTypeOf } from '../onnx/tensor'
import { serialize } from '../onnx/write'
import { openSession } from './session'
import { type Tensor, toNumbers } from './tensor'
import { makeTinyModel } from './tiny-model'

const folder = mkdtempSync(join(tmpdir(), 'bantam-session-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function bytes(nodes: NodeProto[], inputs: ValueInfoProto[], outputs: ValueInfoProto[]): Uint8Array {
  return serialize(makeModel({ nodes, inputs, outputs, opset: 21 }))
}

function identity(type: string, shape: (number | string)[] | null): Uint8Array {
  return bytes(
    [makeNode('Identity', ['x'], ['y'])],
    [makeValue('x', type, shape)],
    [makeValue('y', type, null)],
  )
}

function floats(dims: number[], ...values: number[]): Tensor {
  return { type: 'float32', dims, data: Float32Array.from(values) }
}

/** Opens, runs, and always closes. */
async function run(model: Uint8Array, feeds: Record<string, Tensor>, fetches?: string[]) {
  const session = await openSession(model)
  try {
    return await session.run(feeds, fetches)
  } finally {
    await session.close()
  }
}

describe('feeds', () => {
  const model = identity('float32', ['N', 3])

  it('runs what fits', async () => {
    const { y } = await run(model, { x: floats([2, 3], 1, 2, 3, 4, 5, 6) })
    expect(y).toEqual(floats([2, 3], 1, 2, 3, 4, 5, 6))
  })

  it('names the input that is missing', async () => {
    await expect(run(model, { image: floats([1, 3], 1, 2, 3) })).rejects.toMatchObject({
      code: 'bad-data',
      message: 'The model needs an input x, which was not given.',
      action: 'Given: image.',
    })
  })

  it('names the type that is wrong', async () => {
    const x: Tensor = { type: 'float64', dims: [1, 3], data: Float64Array.of(1, 2, 3) }
    await expect(run(model, { x })).rejects.toThrow('Input x must be float32, not float64.')
  })

  it('shows both shapes when the rank or a dimension is wrong', async () => {
    await expect(run(model, { x: floats([3], 1, 2, 3) })).rejects.toThrow(
      'Input x must have shape [N, 3], not [3].',
    )
    await expect(run(model, { x: floats([1, 2], 1, 2) })).rejects.toThrow(
      'Input x must have shape [N, 3], not [1, 2].',
    )
  })

  it('counts the values', async () => {
    await expect(run(model, { x: floats([2, 3], 1, 2, 3) })).rejects.toThrow(
      'Input x has 3 values, but its shape [2, 3] needs 6.',
    )
  })

  it('accepts any rank where the model leaves it open', async () => {
    const { y } = await run(identity('float32', null), { x: floats([1, 1, 2], 7, 8) })
    expect(y?.dims).toEqual([1, 1, 2])
  })

  it('runs an empty batch', async () => {
    expect((await run(model, { x: floats([0, 3]) })).y?.dims).toEqual([0, 3])
  })
})

describe('element types', () => {
  const cases: Tensor[] = [
    { type: 'float32', dims: [2], data: Float32Array.of(1.5, -2) },
    { type: 'float64', dims: [2], data: Float64Array.of(1.5, -2) },
    { type: 'float16', dims: [3], data: Uint16Array.of(0x3c00, 0xc000, 0x3555) },
    { type: 'int8', dims: [2], data: Int8Array.of(-128, 127) },
    { type: 'uint8', dims: [2], data: Uint8Array.of(0, 255) },
    { type: 'int16', dims: [2], data: Int16Array.of(-32768, 32767) },
    { type: 'uint16', dims: [2], data: Uint16Array.of(0, 65535) },
    { type: 'int32', dims: [2], data: Int32Array.of(-1, 1) },
    { type: 'uint32', dims: [2], data: Uint32Array.of(0, 4294967295) },
    { type: 'int64', dims: [2], data: BigInt64Array.of(-(2n ** 62n), 3n) },
    { type: 'uint64', dims: [2], data: BigUint64Array.of(0n, 2n ** 63n) },
    { type: 'bool', dims: [2], data: Uint8Array.of(0, 1) },
    { type: 'string', dims: [2], data: ['naïve', ''] },
  ]
  it.each(cases)('$type goes in and comes out unchanged', async tensor => {
    const { y } = await run(identity(tensor.type, ['N']), { x: tensor })
    expect(y).toEqual(tensor)
  })

  it('reads float16 as numbers on every runtime', async () => {
    const tensor: Tensor = { type: 'float16', dims: [2], data: Uint16Array.of(0x3c00, 0xc000) }
    const { y } = await run(identity('float16', ['N']), { x: tensor })
    expect(y && [...toNumbers(y)]).toEqual([1, -2])
  })
})

describe('what cannot be exchanged', () => {
  it('refuses bfloat16 and float8 inputs and outputs in plain words', async () => {
    await expect(openSession(identity('bfloat16', [2]))).rejects.toMatchObject({
      code: 'unsupported',
      message: 'An input or output of the model is bfloat16, which ONNX Runtime for Node cannot exchange.',
      action: 'Add a Cast to float32 at that input or output.',
    })
    const model = bytes(
      [makeNode('Cast', ['x'], ['y'], { to: 17n })],
      [makeValue('x', 'float32', [1])],
      [makeValue('y', 'float8e4m3fn', [1])],
    )
    await expect(openSession(model)).rejects.toThrow(
      'An input or output of the model is float8e4m3fn, which ONNX Runtime for Node cannot exchange.',
    )
  })

  it('refuses to read a 4-bit output, which would abort the process', async () => {
    const model = bytes(
      [
        makeNode('Cast', ['x'], ['y'], { to: BigInt(dataTypeOf('int4')) }),
        makeNode('Identity', ['x'], ['z']),
      ],
      [makeValue('x', 'float32', [2])],
      [makeValue('y', 'int4', [2]), makeValue('z', 'float32', [2])],
    )
    await expect(run(model, { x: floats([2], 1, 2) })).rejects.toMatchObject({
      code: 'unsupported',
      message: 'Output y is of type int4, which cannot be read here.',
    })
    expect(await run(model, { x: floats([2], 1, 2) }, ['z'])).toEqual({ z: floats([2], 1, 2) })
  })

  it('leaves sequences out and refuses them by name', async () => {
    const sequence = makeValue('s', 'float32', null)
    const element = sequence.type
    const nodes = [makeNode('SequenceConstruct', ['x'], ['s']), makeNode('Identity', ['x'], ['z'])]
    if (element) {
      sequence.type = {
        ...element,
        value: { case: 'sequenceType', value: { $typeName: 'onnx.TypeProto.Sequence', elemType: element } },
      }
    }
    const model = bytes(nodes, [makeValue('x', 'float32', [1])], [sequence, makeValue('z', 'float32', [1])])
    expect(Object.keys(await run(model, { x: floats([1], 4) }))).toEqual(['z'])
    await expect(run(model, { x: floats([1], 4) }, ['s'])).rejects.toThrow(
      'Output s is of type sequence, which cannot be read here.',
    )
  })

  it('names the outputs there are when asked for another', async () => {
    await expect(run(makeTinyModel(), { x: floats([1], 1) }, ['logits'])).rejects.toMatchObject({
      code: 'not-found',
      message: 'The model has no output logits.',
      action: 'It has: y.',
    })
  })
})

describe('places for outputs', () => {
  const model = bytes(
    [makeNode('Mul', ['x', 'w'], ['y']), makeNode('Add', ['x', 'w'], ['z'])],
    [makeValue('x', 'float32', [2]), makeValue('w', 'float32', [2])],
    [makeValue('y', 'float32', [2]), makeValue('z', 'float32', [2])],
  )

  it('are written into, also when they lie in the memory of a WebAssembly module', async () => {
    const memory = new WebAssembly.Memory({ initial: 1 })
    const place: Tensor = { type: 'float32', dims: [2], data: new Float32Array(memory.buffer, 64, 2) }
    const w: Tensor = { type: 'float32', dims: [2], data: new Float32Array(memory.buffer, 128, 2) }
    const session = await openSession(model)
    try {
      const step = session.bind({ w }, { y: place, z: null })
      w.data.fill(3 as never)
      expect(await step({ x: floats([2], 1, 2) })).toEqual({ z: floats([2], 4, 5) })
      expect(place.data).toEqual(Float32Array.of(3, 6))
      w.data.fill(5 as never)
      await step({ x: floats([2], 1, 2) })
      expect(place.data).toEqual(Float32Array.of(5, 10))
      expect(await session.run({ x: floats([2], 1, 1), w }, { y: place })).toEqual({})
      expect(place.data).toEqual(Float32Array.of(5, 5))
      await expect(step({ w })).rejects.toThrow('The model needs an input x, which was not given.')
    } finally {
      await session.close()
    }
  })

  it('must fit', async () => {
    const session = await openSession(model)
    const feeds = { x: floats([2], 1, 1), w: floats([2], 1, 1) }
    try {
      await expect(session.run(feeds, { y: floats([3], 0, 0, 0) })).rejects.toMatchObject({
        code: 'bad-data',
        message: 'Output y must have shape [2], not [3].',
      })
      expect(() => session.bind({}, { q: null })).toThrow('The model has no output q.')
    } finally {
      await session.close()
    }
  })
})

describe('opening', () => {
  it('tells a missing file, a folder, and a file that is no model apart', async () => {
    const missing = join(folder, 'none.onnx')
    await expect(openSession(missing)).rejects.toMatchObject({
      code: 'not-found',
      message: 'The model file does not exist.',
      where: missing,
    })
    await expect(openSession(folder)).rejects.toThrow('This is a folder, not a model file.')
    const text = join(folder, 'text.onnx')
    writeFileSync(text, 'hello')
    await expect(openSession(text)).rejects.toMatchObject({ code: 'bad-model', where: text })
  })

  it('says when a device is not there', async () => {
    await expect(openSession(makeTinyModel(), { device: 'coreml' })).rejects.toMatchObject(
      process.platform === 'darwin' ? {} : { code: 'unsupported', action: 'Choose the device cpu.' },
    )
  })

  it('closes twice without harm and refuses to run afterwards', async () => {
    const session = await openSession(makeTinyModel())
    await session.close()
    await session.close()
    await expect(session.run({ x: floats([1], 1) })).rejects.toThrow(
      'The session was closed before this run.',
    )
  })
})
