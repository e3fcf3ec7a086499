import fc from 'fast-check'
import type { NodeProto, TensorProto } from 'onnx-buf'
import { describe, expect, it } from 'vitest'
import { openSession } from '../runtime/session'
import { elementCount, type Tensor, toNumbers } from '../runtime/tensor'
import { assumeShapes } from './assume'
import { type ModelParts, makeGraph, makeModel, makeNode, makeValue } from './build'
import { checkModel } from './check'
import type { Model } from './model'
import { readModel } from './read'
import { simplify } from './simplify'
import { makeTensor } from './tensor'
import { FIXTURES, REAL_MODELS } from './testing'
import { serialize } from './write'

/** Largest difference of any output, relative to the largest value of that output (at least 0.1). */
async function difference(a: Model, b: Model): Promise<number> {
  const [one, two] = [await outputs(a), await outputs(b)]
  expect(Object.keys(two)).toEqual(Object.keys(one))
  let worst = 0
  for (const [name, tensor] of Object.entries(one)) {
    const other = two[name]
    expect(other?.dims).toEqual(tensor.dims)
    const x = [...toNumbers(tensor)]
    const y = other ? [...toNumbers(other)] : []
    const scale = x.reduce((most, v) => Math.max(most, Math.abs(v)), 0.1)
    x.forEach((v, i) => {
      worst = Math.max(worst, Math.abs(v - (y[i] ?? Number.NaN)) / scale)
    })
  }
  return worst
}

/** Runs a model as it is, on inputs that depend on nothing but their names. */
async function outputs(model: Model): Promise<Record<string, Tensor>> {
  const session = await openSession(
    serialize(model),
    { optimization: 'disabled', threads: 1 },
    model.directory ?? undefined,
  )
  const shapes = assumeShapes(session.inputs).shapes
  const feeds: Record<string, Tensor> = {}
  for (const { name, type } of session.inputs) {
    let dims = shapes.get(name) ?? []
    if (name === 'input') dims = [1, 512] // the voice detectors take 512 samples,
    if (name === 'state') dims = [2, 1, 128] // and one state per voice
    const count = elementCount(dims)
    if (type === 'int64') {
      const value = name === 'sr' ? 16000n : 3n
      feeds[name] = { type, dims, data: BigInt64Array.from({ length: count }, () => value) }
    } else if (type === 'bool') feeds[name] = { type, dims, data: new Uint8Array(count) }
    else
      feeds[name] = {
        type: 'float32',
        dims,
        data: Float32Array.from({ length: count }, (_, i) => Math.sin(i + 1)),
      }
  }
  const results = await session.run(feeds)
  await session.close()
  return results
}

function ops(model: Model): string[] {
  return model.graph.nodes.map(node => node.opType)
}

function random(name: string, dims: number[], seed = 1, low = -1, high = 1): TensorProto {
  let state = seed * 7919 + name.length
  const data = Float32Array.from({ length: elementCount(dims) }, () => {
    state = (state * 48271) % 2147483647
    return low + ((high - low) * state) / 2147483647
  })
  return makeTensor(name, 'float32', dims, data)
}

/** Scale, shift, mean and variance of a BatchNormalization called `name`. */
function statistics(name: string, channels: number): TensorProto[] {
  return [
    random(`${name}_scale`, [channels], 2, 0.5, 1.5),
    random(`${name}_shift`, [channels], 3),
    random(`${name}_mean`, [channels], 4),
    random(`${name}_var`, [channels], 5, 0.2, 2),
  ]
}

function batchNorm(name: string, input: string, output: string, attributes = {}): NodeProto {
  const inputs = ['scale', 'shift', 'mean', 'var'].map(part => `${name}_${part}`)
  return makeNode(
    'BatchNormalization',
    [input, ...inputs],
    [output],
    { epsilon: 1e-3, ...attributes },
    { name },
  )
}

const image = makeValue('x', 'float32', ['n', 4, 6, 6])
const row = makeValue('x', 'float32', ['n', 4])
const y = makeValue('y', 'float32', null)

function one(parts: Partial<ModelParts> & { nodes: NodeProto[] }): Model {
  return makeModel({ inputs: [image], outputs: [y], ...parts })
}

describe('BatchNormalization', () => {
  const cases: [string, Model, string[]][] = [
    [
      'goes into Conv without bias',
      one({
        nodes: [makeNode('Conv', ['x', 'w'], ['c'], { pads: [1n, 1n, 1n, 1n] }), batchNorm('bn', 'c', 'y')],
        initializers: [random('w', [5, 4, 3, 3]), ...statistics('bn', 5)],
      }),
      ['Conv'],
    ],
    [
      'goes into grouped Conv with bias',
      one({
        nodes: [makeNode('Conv', ['x', 'w', 'b'], ['c'], { group: 2n }), batchNorm('bn', 'c', 'y')],
        initializers: [random('w', [6, 2, 3, 3]), random('b', [6]), ...statistics('bn', 6)],
      }),
      ['Conv'],
    ],
    [
      'goes into grouped ConvTranspose',
      one({
        nodes: [makeNode('ConvTranspose', ['x', 'w', 'b'], ['c'], { group: 2n }), batchNorm('bn', 'c', 'y')],
        initializers: [random('w', [4, 3, 2, 2]), random('b', [6]), ...statistics('bn', 6)],
      }),
      ['ConvTranspose'],
    ],
    [
      'goes into Gemm with alpha, beta and a scalar bias',
      one({
        inputs: [row],
        nodes: [
          makeNode('Gemm', ['x', 'w', 'b'], ['c'], { transB: 1n, alpha: 0.5, beta: 2 }),
          batchNorm('bn', 'c', 'y'),
        ],
        initializers: [random('w', [5, 4]), random('b', [1]), ...statistics('bn', 5)],
      }),
      ['Gemm'],
    ],
    [
      'goes into MatMul, which gets an Add',
      one({
        inputs: [row],
        nodes: [
          makeNode('MatMul', ['x', 'w'], ['c']),
          batchNorm('bn', 'c', 'z'),
          makeNode('Relu', ['z'], ['y']),
        ],
        initializers: [random('w', [4, 5]), ...statistics('bn', 5)],
      }),
      ['MatMul', 'Add', 'Relu'],
    ],
    [
      'goes into MatMul + Add',
      one({
        inputs: [row],
        nodes: [
          makeNode('MatMul', ['x', 'w'], ['m']),
          makeNode('Add', ['b', 'm'], ['c']),
          batchNorm('bn', 'c', 'y'),
        ],
        initializers: [random('w', [4, 5]), random('b', [5]), ...statistics('bn', 5)],
      }),
      ['MatMul', 'Add'],
    ],
  ]
  it.each(cases)('%s', async (_, model, expected) => {
    const before = serialize(model)
    const { model: simple, modified } = await simplify(model)
    expect(modified).toBe(true)
    expect(ops(simple)).toEqual(expected)
    expect([...simple.graph.initializers()].some(t => t.name.startsWith('bn_'))).toBe(false)
    checkModel(simple)
    expect(await difference(model, simple)).toBeLessThan(2e-6)
    // The model given is not touched.
    expect(Buffer.compare(serialize(model), before)).toBe(0)
    expect((await simplify(simple)).modified).toBe(false)
  })

  const refusals: [string, Model, string][] = [
    [
      'what it reads is read elsewhere',
      one({
        nodes: [
          makeNode('Conv', ['x', 'w'], ['c']),
          batchNorm('bn', 'c', 'n'),
          makeNode('Add', ['c', 'n'], ['y']),
        ],
        initializers: [random('w', [5, 4, 3, 3]), ...statistics('bn', 5)],
      }),
      'BatchNormalization bn was left as it is: what it reads is read elsewhere too.',
    ],
    [
      'the weight is shared',
      one({
        nodes: [
          makeNode('Conv', ['x', 'w'], ['c']),
          batchNorm('bn', 'c', 'n'),
          makeNode('Conv', ['x', 'w'], ['d']),
          makeNode('Add', ['d', 'n'], ['y']),
        ],
        initializers: [random('w', [5, 4, 3, 3]), ...statistics('bn', 5)],
      }),
      'BatchNormalization bn was left as it is: the weight before it is shared.',
    ],
    [
      'a caller may replace the weight',
      one({
        inputs: [image, makeValue('w', 'float32', [5, 4, 3, 3])],
        nodes: [makeNode('Conv', ['x', 'w'], ['c']), batchNorm('bn', 'c', 'y')],
        initializers: [random('w', [5, 4, 3, 3]), ...statistics('bn', 5)],
      }),
      'BatchNormalization bn was left as it is: the weight before it is not a constant.',
    ],
    [
      'it is in training mode',
      one({
        nodes: [makeNode('Conv', ['x', 'w'], ['c']), batchNorm('bn', 'c', 'y', { training_mode: 1n })],
        initializers: [random('w', [5, 4, 3, 3]), ...statistics('bn', 5)],
      }),
      'BatchNormalization bn was left as it is: it is in training mode.',
    ],
  ]
  it.each(refusals)('stays where %s', async (_, model, message) => {
    const { model: same, notes } = await simplify(model)
    expect(ops(same)).toContain('BatchNormalization')
    expect(notes.map(n => n.message)).toContain(message)
  })
})

describe('constants', () => {
  it('are computed by ONNX Runtime, Constant nodes and fixed shapes included', async () => {
    const model = one({
      inputs: [makeValue('x', 'float32', [2, 4, 6, 6])],
      nodes: [
        makeNode('Shape', ['x'], ['s'], { start: 0n, end: 2n }),
        makeNode('Constant', [], ['minus'], { value: makeTensor('', 'int64', [1], [-1]) }),
        makeNode('Concat', ['s', 'minus'], ['t'], { axis: 0n }),
        makeNode('Reshape', ['x', 't'], ['y']),
      ],
    })
    const { model: simple } = await simplify(model)
    expect(ops(simple)).toEqual(['Reshape'])
    expect(await difference(model, simple)).toBe(0)
  })

  it('hide behind no type that is taken from a value', async () => {
    const model = makeModel({
      inputs: [makeValue('x', 'float32', ['n', 4])],
      outputs: [makeValue('y', 'float32', ['n', 3])],
      nodes: [
        makeNode('CastLike', ['zero', 'x'], ['typed']),
        makeNode('Expand', ['typed', 'three'], ['b']),
        makeNode('Gemm', ['x', 'w', 'b'], ['y']),
      ],
      initializers: [
        makeTensor('zero', 'float64', [], [0.5]),
        makeTensor('three', 'int64', [1], [3n]),
        makeTensor('w', 'float32', [4, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
      ],
    })
    const { model: simple } = await simplify(model)
    expect(simple.graph.nodes.map(node => node.opType)).toEqual(['Gemm'])
    expect(await difference(model, simple)).toBe(0)
  })

  it.each([
    { split: makeTensor('at', 'int64', [], [2n]), dims: [] },
    { split: makeTensor('at', 'int64', [2], [2n, 2n]), dims: [2] },
  ])('say where a sequence is split ($dims)', async ({ split }) => {
    const model = makeModel({
      inputs: [makeValue('x', 'float32', ['n', 4])],
      outputs: [makeValue('y', 'float32', ['n', 2]), makeValue('z', 'float32', ['n', 2])],
      nodes: [
        makeNode('SplitToSequence', ['x', 'at'], ['parts'], { axis: 1n }),
        makeNode('SequenceAt', ['parts', 'last'], ['b']),
        makeNode('SequenceAt', ['parts', 'first'], ['a']),
        makeNode('SequenceAt', ['parts', 'first'], ['again']),
        makeNode('Sub', ['b', 'a'], ['y']),
        makeNode('Exp', ['again'], ['z']),
      ],
      initializers: [split, makeTensor('last', 'int64', [], [-1n]), makeTensor('first', 'int64', [], [0n])],
    })
    const { model: simple } = await simplify(model)
    expect(simple.graph.nodes.map(node => node.opType).sort()).toEqual(['Exp', 'Split', 'Sub'])
    expect(await difference(model, simple)).toBe(0)
  })

  it('of a weight are kept where the file does not grow', async () => {
    const model = one({
      inputs: [row],
      nodes: [makeNode('Transpose', ['w'], ['t'], { perm: [1n, 0n] }), makeNode('MatMul', ['x', 't'], ['y'])],
      initializers: [random('w', [300, 4])],
    })
    const { model: simple } = await simplify(model)
    expect(ops(simple)).toEqual(['MatMul'])
    expect([...simple.graph.initializers()].map(t => t.name)).toEqual(['t'])
    // ORT packs a constant weight, and then adds in another order.
    expect(await difference(model, simple)).toBeLessThan(1e-6)
  })

  it('are not made where the file would grow', async () => {
    const model = one({
      inputs: [makeValue('x', 'float32', [1000])],
      nodes: [
        makeNode('Expand', ['c', 'shape'], ['e'], {}, { name: 'big' }),
        makeNode('Add', ['x', 'e'], ['y']),
      ],
      initializers: [makeTensor('c', 'float32', [1], [2]), makeTensor('shape', 'int64', [1], [1000])],
    })
    const { model: same, modified, notes } = await simplify(model)
    expect(modified).toBe(false)
    expect(ops(same)).toEqual(['Expand', 'Add'])
    expect(notes.map(n => n.message)).toEqual(['Expand big was left as it is: the file would grow.'])
  })

  it('leave quantized weights and random numbers alone', async () => {
    const model = one({
      inputs: [row],
      nodes: [
        makeNode('DequantizeLinear', ['q', 'scale', 'zero'], ['w']),
        makeNode('MatMul', ['x', 'w'], ['m']),
        makeNode('RandomUniform', [], ['r'], { shape: [1n] }),
        makeNode('Mul', ['r', 'nought'], ['z']),
        makeNode('Add', ['m', 'z'], ['y']),
      ],
      initializers: [
        makeTensor('q', 'int8', [4, 2], [1, 2, 3, 4, 5, 6, 7, 8]),
        makeTensor('scale', 'float32', [], [0.1]),
        makeTensor('zero', 'int8', [], [0]),
        makeTensor('nought', 'float32', [], [0]),
      ],
    })
    expect((await simplify(model)).modified).toBe(false)
  })

  it('stored twice become one, unless a subgraph reads them', async () => {
    const model = one({
      inputs: [row],
      nodes: [makeNode('MatMul', ['x', 'a'], ['m']), makeNode('MatMul', ['m', 'b'], ['y'])],
      initializers: [random('a', [4, 4], 3), random('b', [4, 4], 3)],
    })
    const { model: simple, notes } = await simplify(model)
    expect([...simple.graph.initializers()].map(t => t.name)).toEqual(['a'])
    expect(notes.map(n => n.message)).toEqual(['1 weight stored a second time went away.'])
    expect(await difference(model, simple)).toBe(0)
    const branch = (name: string) =>
      makeGraph({
        nodes: [makeNode('Add', ['x', 'b'], [name])],
        inputs: [],
        outputs: [makeValue(name, 'float32', null)],
      })
    const guarded = one({
      inputs: [makeValue('x', 'float32', [4, 4]), makeValue('c', 'bool', [])],
      nodes: [
        makeNode('MatMul', ['x', 'a'], ['m']),
        makeNode('If', ['c'], ['i'], { then_branch: branch('p'), else_branch: branch('q') }),
        makeNode('Add', ['m', 'i'], ['y']),
      ],
      initializers: [random('a', [4, 4], 3), random('b', [4, 4], 3)],
    })
    const merged = await simplify(guarded)
    expect([...merged.model.graph.initializers()].map(t => t.name)).toEqual(['b'])
    expect(await difference(guarded, merged.model)).toBe(0)
  })
})

describe('nodes that do nothing', () => {
  it('go away, names of outputs kept', async () => {
    const model = one({
      nodes: [
        makeNode('Identity', ['x'], ['a']),
        makeNode('Dropout', ['a'], ['b', 'mask']),
        makeNode('Cast', ['b'], ['c'], { to: 1n }),
        makeNode('Relu', ['c'], ['d']),
        makeNode('Neg', ['d'], ['unused']),
        makeNode('Identity', ['d'], ['y']),
      ],
    })
    const { model: simple } = await simplify(model)
    expect(ops(simple)).toEqual(['Relu'])
    expect(simple.graph.outputNames).toEqual(['y'])
    expect(await difference(model, simple)).toBe(0)
  })

  it('stay where they join an input to an output', async () => {
    const model = one({ nodes: [makeNode('Identity', ['x'], ['y'], {}, { name: 'only' })] })
    const { modified, notes } = await simplify(model)
    expect(modified).toBe(false)
    expect(notes.map(n => n.message)).toEqual([
      'Identity only was left as it is: it joins an input, a constant or a subgraph to an output.',
    ])
  })
})

const KINDS = [
  'conv',
  'norm',
  'identity',
  'dropout',
  'add',
  'constant',
  'relu',
  'dead',
  'shared',
  'reshape',
] as const

interface Network {
  seed: number
  steps: [(typeof KINDS)[number], number][]
  /** How many of the last values are outputs besides the very last. */
  outputs: number
}

/** A random network of the kinds of node simplification looks at; every value is [n, 4, 6, 6]. */
const network: fc.Arbitrary<Network> = fc.record({
  seed: fc.nat(1000),
  steps: fc.array(fc.tuple(fc.constantFrom(...KINDS), fc.nat(5)), { minLength: 1, maxLength: 12 }),
  outputs: fc.nat(2),
})

function build(description: Network): Model {
  const nodes: NodeProto[] = []
  const initializers: TensorProto[] = []
  const values = ['x']
  description.steps.forEach(([kind, pick], i) => {
    const input = values[values.length - 1 - (pick % Math.min(2, values.length))] ?? 'x'
    const out = `v${i}`
    const seed = description.seed + i
    switch (kind) {
      case 'conv':
      case 'shared':
        initializers.push(random(`w${i}`, [4, 4, 3, 3], kind === 'shared' ? 1 : seed, -0.3, 0.3))
        nodes.push(makeNode('Conv', [input, `w${i}`], [out], { pads: [1n, 1n, 1n, 1n] }))
        break
      case 'norm':
        initializers.push(...statistics(`n${i}`, 4))
        nodes.push(batchNorm(`n${i}`, input, out))
        break
      case 'add':
        nodes.push(makeNode('Add', [input, values[pick % values.length] ?? 'x'], [out]))
        break
      case 'constant':
        nodes.push(makeNode('Constant', [], [`c${i}`], { value: random('', [4, 1, 1], seed) }))
        nodes.push(makeNode('Neg', [`c${i}`], [`m${i}`]), makeNode('Add', [input, `m${i}`], [out]))
        break
      case 'reshape':
        nodes.push(makeNode('Shape', [input], [`s${i}`]), makeNode('Reshape', [input, `s${i}`], [out]))
        break
      case 'dead':
        nodes.push(makeNode('Neg', [input], [`d${i}`]), makeNode('Identity', [input], [out]))
        break
      default:
        nodes.push(makeNode({ identity: 'Identity', dropout: 'Dropout', relu: 'Relu' }[kind], [input], [out]))
    }
    values.push(out)
  })
  const outputs = values.slice(1).slice(-1 - description.outputs)
  return one({ nodes, initializers, outputs: outputs.map(name => makeValue(name, 'float32', null)) })
}

describe('any network', () => {
  it('computes what it did before, is smaller or equal, and cannot be simplified again', async () => {
    await fc.assert(
      fc.asyncProperty(network, async description => {
        const model = build(description)
        const { model: simple } = await simplify(model)
        checkModel(simple)
        expect(simple.graph.nodes.length).toBeLessThanOrEqual(model.graph.nodes.length)
        expect(await difference(model, simple)).toBeLessThan(1e-4)
        expect((await simplify(simple)).modified).toBe(false)
      }),
      { numRuns: 30, seed: 11 },
    )
  })

  it.each([...REAL_MODELS, ...FIXTURES])('%s', async path => {
    const model = await readModel(path)
    const { model: simple } = await simplify(model)
    checkModel(simple)
    expect(serialize(simple).byteLength).toBeLessThanOrEqual(serialize(model).byteLength)
    expect(await difference(model, simple)).toBeLessThan(1e-5)
  })
})
