import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toBinary } from '@bufbuild/protobuf'
import { ModelProtoSchema } from 'onnx-buf'
import { describe, expect, it } from 'vitest'
import { assumeShapes } from './assume'
import { makeGraph, makeModel, makeNode, makeValue } from './build'
import { inferModel, inferTypes, inferWithShapes } from './infer'
import { readModel } from './read'
import { skeleton } from './skeleton'
import { makeTensor } from './tensor'
import { FIXTURES, REAL_MODELS } from './testing'
import { writeModel } from './write'

const zeros = (count: number) => new Float32Array(count)

describe('inferTypes', () => {
  it('keeps symbolic dimensions and finds what is computed from constants', async () => {
    const types = await inferTypes(
      makeModel({
        nodes: [
          makeNode('MatMul', ['x', 'w'], ['h']),
          makeNode('Reshape', ['h', 'shape'], ['r']),
          makeNode('Shape', ['x'], ['s']),
          makeNode('ReduceMean', ['r'], ['y'], { keepdims: 0n }),
        ],
        inputs: [makeValue('x', 'float32', ['batch', 3])],
        outputs: [makeValue('y', 'float32', null)],
        initializers: [
          makeTensor('w', 'float32', [3, 8], zeros(24)),
          makeTensor('shape', 'int64', [3], [0, 2, 4]),
        ],
      }),
    )
    expect(types.get('h')).toEqual({ name: 'h', type: 'float32', shape: ['batch', 8] })
    expect(types.get('r')).toEqual({ name: 'r', type: 'float32', shape: ['batch', 2, 4] })
    expect(types.get('s')).toEqual({ name: 's', type: 'int64', shape: [2] })
    expect(types.get('w')).toEqual({ name: 'w', type: 'float32', shape: [3, 8] })
    // A scalar, which ORT reports exactly as it reports an unknown rank.
    expect(types.get('y')).toEqual({ name: 'y', type: 'float32', shape: [] })
  })

  it('leaves out what has no known rank', async () => {
    const types = await inferTypes(
      makeModel({
        nodes: [makeNode('Reshape', ['x', 'shape'], ['y']), makeNode('Relu', ['y'], ['z'])],
        inputs: [makeValue('x', 'float32', [4]), makeValue('shape', 'int64', ['n'])],
        outputs: [makeValue('z', 'float32', null)],
      }),
    )
    expect([...types.keys()].sort()).toEqual(['shape', 'x'])
  })

  it('reads 4-bit and 16-bit values without running anything', async () => {
    const types = await inferTypes(
      makeModel({
        nodes: [
          makeNode('QuantizeLinear', ['x', 'scale', 'zero'], ['q']),
          makeNode('DequantizeLinear', ['q', 'scale', 'zero'], ['d']),
          makeNode('Cast', ['d'], ['y'], { to: 10n }),
        ],
        inputs: [makeValue('x', 'float32', ['n', 4])],
        outputs: [makeValue('y', 'float16', ['n', 4])],
        initializers: [makeTensor('scale', 'float32', [], [0.1]), makeTensor('zero', 'int4', [], [0])],
        opset: 21,
      }),
    )
    expect(types.get('q')).toEqual({ name: 'q', type: 'int4', shape: ['n', 4] })
    expect(types.get('y')?.type).toBe('float16')
  })

  it('carries subgraphs along: outputs of If are known, what lies inside is not', async () => {
    const branch = (name: string, op: string) =>
      makeGraph({
        nodes: [
          makeNode(op, ['x'], [`${name}_inner`]),
          makeNode('Add', [`${name}_inner`, `${name}_w`], [name]),
        ],
        inputs: [],
        outputs: [makeValue(name, 'float32', null)],
        initializers: [makeTensor(`${name}_w`, 'float32', [2000], zeros(2000))],
      })
    const model = makeModel({
      nodes: [
        makeNode('If', ['c'], ['y'], { then_branch: branch('a', 'Relu'), else_branch: branch('b', 'Neg') }),
      ],
      inputs: [makeValue('c', 'bool', []), makeValue('x', 'float32', [1, 2000])],
      outputs: [makeValue('y', 'float32', null)],
    })
    const types = await inferTypes(model)
    expect(types.get('y')).toEqual({ name: 'y', type: 'float32', shape: [1, 2000] })
    expect(types.has('a_inner')).toBe(false)
    // The weights of the branches are not copied either.
    expect(toBinary(ModelProtoSchema, skeleton(model)).byteLength).toBeLessThan(1500)
  })

  it('copies no weight and reads none from external data', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bantam-infer-'))
    try {
      const model = makeModel({
        nodes: [makeNode('MatMul', ['x', 'w'], ['y'])],
        inputs: [makeValue('x', 'float32', ['n', 100])],
        outputs: [makeValue('y', 'float32', null)],
        initializers: [makeTensor('w', 'float32', [100, 100], zeros(10_000))],
      })
      expect(toBinary(ModelProtoSchema, skeleton(model)).byteLength).toBeLessThan(400)
      const path = join(folder, 'm.onnx')
      await writeModel(model, path, { externalAbove: 0 })
      const external = await readModel(path)
      rmSync(`${path}.data`)
      expect((await inferTypes(external)).get('y')?.shape).toEqual(['n', 100])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('falls back to what the file declares when ORT refuses, and says why', async () => {
    const model = makeModel({
      nodes: [makeNode('Mine', ['x'], ['h'], {}, { domain: 'my.domain' }), makeNode('Relu', ['h'], ['y'])],
      inputs: [makeValue('x', 'float32', [1])],
      outputs: [makeValue('y', 'float32', [1])],
      domains: { 'my.domain': 1 },
    })
    model.graph.proto.valueInfo.push(makeValue('h', 'float32', [1]))
    const { types, refused } = await inferModel(model)
    expect(types.get('h')).toEqual({ name: 'h', type: 'float32', shape: [1] })
    expect(refused).toContain('my.domain:Mine(-1) is not a registered function/op')
  })

  it.each([...REAL_MODELS, ...FIXTURES])('%s: nothing is unknown once the inputs are sized', async path => {
    const model = await readModel(path)
    const types = await inferTypes(model)
    const inputs = model.graph.inputNames.flatMap(name => types.get(name) ?? [])
    expect(inputs).toHaveLength(model.graph.inputNames.length)
    const sized = await inferWithShapes(model, assumeShapes(inputs).shapes)
    if (path.includes('silero')) return // what lies in its If nodes is not inferred
    const unknown = model.graph.nodes
      .flatMap(node => node.output)
      .filter(name => name !== '' && !sized?.get(name)?.shape.every(d => typeof d === 'number'))
    expect(unknown).toEqual([])
  })
})

describe('assumeShapes', () => {
  it('follows its rules and tells what it assumed', () => {
    const { shapes, assumptions } = assumeShapes([
      { name: 'image', type: 'float32', shape: ['', 'c', 'h', 'w'] },
      { name: 'last', type: 'uint8', shape: ['n', '', '', 3] },
      { name: 'ids', type: 'int64', shape: ['batch', 'sequence'] },
      { name: 'mask', type: 'int64', shape: ['batch', 'past + sequence + 1'] },
      { name: 'state', type: 'float32', shape: [2, 'batch', 64] },
    ])
    expect(Object.fromEntries(shapes)).toEqual({
      image: [1, 3, 224, 224],
      last: [1, 224, 224, 3],
      ids: [1, 128],
      mask: [1, 257],
      state: [2, 1, 64],
    })
    expect(assumptions.map(a => `${a.input}.${a.axis}=${a.size}`)).toEqual([
      'image.1=3',
      'image.2=224',
      'image.3=224',
      'last.1=224',
      'last.2=224',
      'ids.1=128',
      'mask.1=257',
    ])
  })
})

describe('operators ORT does not have', () => {
  it('are cut out, so that everything else is inferred', async () => {
    const model = makeModel({
      nodes: [
        makeNode('MatMul', ['x', 'w'], ['a']),
        makeNode('Mine', ['a'], ['b'], {}, { domain: 'my.domain' }),
        makeNode('Transpose', ['b'], ['c']),
        makeNode('Mine', ['c'], ['d'], {}, { domain: 'my.domain' }),
        makeNode('Relu', ['d'], ['y']),
      ],
      inputs: [makeValue('x', 'float32', ['n', 4])],
      outputs: [makeValue('y', 'float32', null)],
      initializers: [makeTensor('w', 'float32', [4, 2], zeros(8))],
      domains: { 'my.domain': 1 },
    })
    model.graph.proto.valueInfo.push(makeValue('b', 'float32', ['n', 6]))
    const { types } = await inferModel(model)
    expect(types.get('a')?.shape).toEqual(['n', 2])
    expect(types.get('c')?.shape).toEqual([6, 'n'])
    expect(types.has('d')).toBe(false)
    expect(types.has('y')).toBe(false)
  })
})

describe('values the Node binding cannot show', () => {
  it('are inferred all the same, inputs and outputs among them', async () => {
    const model = makeModel({
      nodes: [
        makeNode('Cast', ['x'], ['b'], { to: 16n }),
        makeNode('Concat', ['b', 'w'], ['m'], { axis: 0n }),
        makeNode('Transpose', ['p'], ['a']),
        makeNode('Shape', ['a'], ['s']),
        makeNode('Reshape', ['one', 'none'], ['r']),
        makeNode('Cast', ['a'], ['y'], { to: 1n }),
      ],
      inputs: [makeValue('x', 'float32', ['n', 4]), makeValue('p', 'bfloat16', ['n', 2])],
      outputs: [makeValue('y', 'float32', null), makeValue('a', 'bfloat16', null)],
      initializers: [
        makeTensor('w', 'bfloat16', [3000, 4], zeros(12_000)),
        makeTensor('one', 'bfloat16', [1], [1]),
        makeTensor('none', 'int64', [0], []),
      ],
    })
    const { types, refused } = await inferModel(model)
    expect(refused).toBeNull()
    expect(types.get('b')).toEqual({ name: 'b', type: 'bfloat16', shape: ['n', 4] })
    expect(types.get('m')).toEqual({ name: 'm', type: 'bfloat16', shape: ['', 4] })
    expect(types.get('a')).toEqual({ name: 'a', type: 'bfloat16', shape: [2, 'n'] })
    expect(types.get('s')).toEqual({ name: 's', type: 'int64', shape: [2] })
    expect(types.get('r')).toEqual({ name: 'r', type: 'bfloat16', shape: [] })
    expect(types.get('y')).toEqual({ name: 'y', type: 'float32', shape: [2, 'n'] })
    expect([...types.keys()].some(name => name.includes('/'))).toBe(false)
  })
})
