import { describe, expect, test } from 'vitest'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { checkModel } from '../onnx/check'
import type { Model } from '../onnx/model'
import { makeTensor } from '../onnx/tensor'
import { editableCopy } from './copy'
import { divideByMul, divideFolded, findFold, multiplyInputs } from './fold-scale'
import { normals, run } from './testing'

const C = 6
const constant = (name: string, dims: number[], seed: number) =>
  makeTensor(
    name,
    'float32',
    dims,
    normals(
      dims.reduce((a, b) => a * b, 1),
      seed,
    ),
  )

type Nodes = Parameters<typeof makeModel>[0]['nodes']

/** Some nodes from x [n, 4, 6] to v, then two dense layers that read v. */
function network(nodes: Nodes, more: ReturnType<typeof constant>[] = []): Model {
  return makeModel({
    opset: 17,
    inputs: [makeValue('x', 'float32', ['n', 4, C])],
    outputs: [makeValue('y', 'float32', ['n', 4, 3]), makeValue('z', 'float32', ['n', 4, 3])],
    nodes: [...nodes, makeNode('MatMul', ['v', 'w1'], ['y']), makeNode('MatMul', ['v', 'w2'], ['z'])],
    initializers: [
      constant('w1', [C, 3], 1),
      constant('w2', [C, 3], 2),
      constant('g', [C], 3),
      constant('h', [C], 4),
      constant('m', [C, C], 5),
      ...more,
    ],
  })
}

const feeds = { x: { type: 'float32' as const, dims: [2, 4, C], data: normals(2 * 4 * C, 9) } }
const scales = Float32Array.of(0.25, 3, 1, 0.01, 40, 2)

async function expectSame(before: Model, after: Model): Promise<void> {
  checkModel(after)
  const [a, b] = [await run(before, feeds), await run(after, feeds)]
  for (const [name, { data }] of Object.entries(a)) {
    const [left, right] = [data as Float32Array, b[name]?.data as Float32Array]
    const size = Math.max(...left.map(Math.abs))
    left.forEach((value, i) => {
      expect(Math.abs(value - (right[i] as number))).toBeLessThan(1e-5 * Math.max(1, size))
    })
  }
}

const readersOf = (model: Model) => new Set(model.graph.uses('v').map(use => use.node))

const norm = makeNode('LayerNormalization', ['x', 'g', 'h'], ['v'], { axis: -1n })
const places: [string, Nodes, number][] = [
  ['a normalization', [norm], 2],
  ['a scale', [makeNode('Softsign', ['x'], ['a']), makeNode('Mul', ['a', 'g'], ['v'])], 1],
  ['a single number', [makeNode('Tanh', ['x'], ['a']), makeNode('Mul', ['half', 'a'], ['v'])], 1],
  ['a layer with bias and Relu', dense('Relu'), 2],
  [
    'the open side of a gate',
    [
      makeNode('Sigmoid', ['x'], ['s']),
      makeNode('MatMul', ['x', 'm'], ['u']),
      makeNode('Mul', ['s', 'u'], ['v']),
    ],
    1,
  ],
]

function dense(activation: string): Nodes {
  return [
    makeNode('MatMul', ['x', 'm'], ['a']),
    makeNode('Add', ['h', 'a'], ['b']),
    makeNode(activation, ['b'], ['v']),
  ]
}

describe('a scale per channel', () => {
  test.each(places)('goes into %s', async (_, nodes, parts) => {
    const model = network(nodes, [constant('half', [1], 6)])
    const fold = findFold(model, 'v', C, readersOf(model))
    if (typeof fold === 'string') throw new Error(fold)
    expect(fold.parts).toHaveLength(parts)
    const changed = editableCopy(model)
    divideFolded(changed, fold, scales)
    for (const node of readersOf(changed)) multiplyInputs(changed, node, scales)
    expect(changed.graph.nodes).toHaveLength(model.graph.nodes.length)
    await expectSame(model, changed)
  })

  test('leaves alone what other nodes read of a shared constant', async () => {
    const model = network([
      makeNode('Mul', ['x', 'g'], ['a']),
      makeNode('Tanh', ['a'], ['b']),
      makeNode('Mul', ['b', 'g'], ['v']),
    ])
    const fold = findFold(model, 'v', C, readersOf(model))
    if (typeof fold === 'string') throw new Error(fold)
    const changed = editableCopy(model)
    divideFolded(changed, fold, scales)
    for (const node of readersOf(changed)) multiplyInputs(changed, node, scales)
    await expectSame(model, changed)
  })

  test('goes into a Mul of its own where nothing takes it', async () => {
    const model = network(dense('Tanh'))
    expect(findFold(model, 'v', C, readersOf(model))).toBe('Tanh → v before it has no constant per channel')
    const changed = editableCopy(model)
    const readers = readersOf(changed)
    divideByMul(changed, 'v', readers, scales)
    for (const node of readers) multiplyInputs(changed, node, scales)
    expect(changed.graph.nodes).toHaveLength(model.graph.nodes.length + 1)
    changed.graph.sort()
    await expectSame(model, changed)
  })

  test('is refused where something else reads the value', () => {
    const model = network([norm])
    const [first] = readersOf(model)
    if (!first) throw new Error('no reader')
    expect(findFold(model, 'v', C, new Set([first]))).toMatch(/reads its input too$/)
    expect(findFold(model, 'x', C, readersOf(model))).toMatch(/reads its input too$/)
  })
})
