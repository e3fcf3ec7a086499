/** Graphs for this processor's own kernels give what portable graphs give. */
import { describe, expect, it } from 'vitest'
import { Random } from '../data/random'
import { type AttributeValue, makeModel, makeNode, makeValue } from '../onnx/build'
import type { Model } from '../onnx/model'
import { makeTensor } from '../onnx/tensor'
import { elementCount, type Tensor } from '../runtime/tensor'
import { blockSize } from './block-size'
import { runOnce } from './conformance'
import { gradientGraph } from './gradient'
import { gradientName } from './prepare'

const random = new Random(3)

function floats(dims: number[]): Tensor {
  return {
    type: 'float32',
    dims,
    data: Float32Array.from({ length: elementCount(dims) }, () => random.unit() - 0.5),
  }
}

/** Gradients of loss = Σ y² for both kinds of graph, and the operators of the tuned one. */
async function both(model: Model, feeds: Record<string, Tensor>) {
  const wrt = Object.keys(feeds)
  const [plain, tuned] = await Promise.all(
    [true, false].map(portable => gradientGraph(model, { loss: 'loss', wrt, portable })),
  )
  if (!plain || !tuned) throw new Error('no graphs')
  const [a, b] = [await runOnce(plain, feeds), await runOnce(tuned, feeds)]
  for (const name of wrt) {
    const [expected, found] = [a, b].map(out => out[gradientName(name)])
    expect(found?.dims).toEqual(feeds[name]?.dims)
    const values = (expected?.data ?? []) as Float32Array
    const norm = Math.hypot(...values)
    const error = Math.hypot(...values.map((v, i) => v - Number(found?.data[i])))
    expect(error / norm, name).toBeLessThan(1e-5)
  }
  expect(Math.abs(Number(a.loss?.data[0]) / Number(b.loss?.data[0]) - 1)).toBeLessThan(1e-5)
  return { plain: operators(plain), tuned: operators(tuned) }
}

function operators(model: Model): string[] {
  return model.graph.nodes.map(n => (n.domain ? `${n.domain}:${n.opType}` : n.opType))
}

function squared(nodes: ReturnType<typeof makeNode>[], inputs: Record<string, Tensor>, constants = {}) {
  return makeModel({
    nodes: [...nodes, makeNode('ReduceSumSquare', ['y'], ['loss'], { keepdims: 0n })],
    inputs: Object.entries(inputs).map(([name, t]) => makeValue(name, 'float32', t.dims)),
    outputs: [makeValue('loss', 'float32', [])],
    initializers: Object.entries(constants).map(([name, v]) =>
      Array.isArray(v) ? makeTensor(name, 'int64', [], v) : makeTensor(name, 'float32', [], [Number(v)]),
    ),
  })
}

describe('convolutions in blocks', () => {
  const cases: [string, number[], number[], Record<string, AttributeValue>, boolean][] = [
    ['of stride 1', [16, 16, 9, 7], [32, 16, 3, 3], { pads: [1n, 1n, 1n, 1n] }, true],
    ['of stride 2', [16, 16, 9, 8], [32, 16, 3, 3], { pads: [1n, 1n, 1n, 1n], strides: [2n, 2n] }, true],
    [
      'dilated, uneven',
      [16, 16, 11, 9],
      [16, 16, 3, 2],
      { pads: [2n, 0n, 1n, 1n], dilations: [2n, 3n] },
      true,
    ],
    ['of few channels', [16, 3, 8, 8], [16, 3, 3, 3], { pads: [1n, 1n, 1n, 1n] }, true],
    ['that leave a rest unread', [16, 16, 9, 10], [16, 16, 2, 2], { strides: [3n, 3n] }, true],
    ['depthwise', [3, 16, 9, 8], [16, 1, 3, 3], { group: 16n, pads: [1n, 1n, 1n, 1n] }, true],
    [
      'depthwise, of stride 2, uneven',
      [2, 16, 9, 8],
      [16, 1, 3, 2],
      { group: 16n, pads: [1n, 0n, 0n, 1n], strides: [2n, 2n] },
      true,
    ],
    ['depthwise, dilated', [2, 16, 9, 8], [16, 1, 3, 2], { group: 16n, dilations: [2n, 3n] }, true],
    [
      'depthwise, that leave a rest unread',
      [2, 16, 10, 9],
      [16, 1, 2, 2],
      { group: 16n, strides: [3n, 3n] },
      true,
    ],
    ['in groups: left alone', [16, 16, 8, 8], [16, 8, 3, 3], { group: 2n }, false],
    ['with several filters for a channel: left alone', [16, 16, 8, 8], [32, 1, 3, 3], { group: 16n }, false],
    ['whose channels fill no block: left alone', [3, 5, 8, 8], [6, 5, 3, 3], {}, false],
  ]
  it.each(cases)('%s', async (_, data, weight, attributes, blocked) => {
    const feeds = { x: floats(data), w: floats(weight), b: floats([weight[0] ?? 1]) }
    const model = squared([makeNode('Conv', ['x', 'w', 'b'], ['y'], attributes, { name: 'conv' })], feeds)
    const { plain, tuned } = await both(model, feeds)
    const count = (list: string[]) => list.filter(op => op === 'com.microsoft.nchwc:Conv').length
    expect(count(plain)).toBe(0)
    // Processors without such kernels get the portable graph.
    expect(count(tuned) > 1).toBe(blocked && (await blockSize()) > 0)
  })
})

describe('GELU', () => {
  const feeds = { x: floats([4, 6]) }
  const tail = (last: string[]) => [
    makeNode('Div', ['x', 'root'], ['t']),
    makeNode('Erf', ['t'], ['e']),
    makeNode('Add', ['e', 'one'], ['s']),
    makeNode('Mul', last.slice(0, 2), [last[2] ?? '']),
    makeNode('Mul', last.slice(3, 5), ['y']),
  ]
  const constants = { root: Math.SQRT2, one: 1, half: 0.5 }
  it.each([
    ['half last', ['x', 's', 'p', 'p', 'half']],
    ['half first', ['half', 'x', 'h', 'h', 's']],
  ])('written out, %s, becomes one node', async (_, last) => {
    const nodes =
      last[0] === 'half' ? [...tail(last).slice(3, 4), ...tail(last).filter((_, i) => i !== 3)] : tail(last)
    const { plain, tuned } = await both(squared(nodes, feeds, constants), feeds)
    expect(plain).not.toContain('com.microsoft:Gelu')
    expect(tuned).toContain('com.microsoft:Gelu')
  })

  it('stays as it is where a value in between is read elsewhere', async () => {
    const nodes = [...tail(['x', 's', 'p', 'p', 'half']).slice(0, 4), makeNode('Mul', ['p', 's'], ['y'])]
    const { tuned } = await both(squared(nodes, feeds, constants), feeds)
    expect(tuned).not.toContain('com.microsoft:Gelu')
  })
})

describe('an axis taken apart index by index', () => {
  const feeds = { x: floats([3, 2, 4]) }
  const gathers = (indices: string[]) => [
    ...indices.map((index, i) =>
      makeNode('Gather', ['x', index], [`q${i}`], { axis: 0n }, { name: `g${i}` }),
    ),
    makeNode('Mul', ['q0', 'q1'], ['m']),
    makeNode('Add', ['m', 'q2'], ['y']),
  ]
  const constants = { zero: [0n], one: [1n], two: [2n], last: [-1n] }

  it('is split, and joined again by the gradient', async () => {
    const { plain } = await both(squared(gathers(['one', 'zero', 'last']), feeds, constants), feeds)
    expect(plain).toContain('Concat')
    expect(plain).not.toContain('ScatterND')
  })

  it('is left alone where an index comes twice', async () => {
    const { plain } = await both(squared(gathers(['one', 'zero', 'one']), feeds, constants), feeds)
    expect(plain).toContain('Gather')
  })

  it('is split where it was before it was brought to the front', async () => {
    const axis = makeTensor('axis', 'int64', [1], [1n])
    const model = squared(
      [
        makeNode('Unsqueeze', ['x', 'axis'], ['u']),
        makeNode('Transpose', ['u'], ['t'], { perm: [2n, 0n, 1n, 3n] }),
        makeNode('Squeeze', ['t', 'last2'], ['s']),
        ...gathers(['zero', 'one', 'two']).map(n =>
          n.opType === 'Gather'
            ? makeNode('Gather', ['s', n.input[1] ?? ''], [...n.output], { axis: 0n })
            : n,
        ),
      ],
      { x: floats([2, 3, 4]) },
      constants,
    )
    model.graph.setInitializer(axis)
    model.graph.setInitializer(makeTensor('last2', 'int64', [1], [-2n]))
    const { plain } = await both(model, { x: floats([2, 3, 4]) })
    expect(plain).toContain('Split')
    expect(plain).not.toContain('Transpose')
  })

  it('is split behind a Transpose that moves other axes too', async () => {
    const model = squared(
      [
        makeNode('Transpose', ['x'], ['s'], { perm: [1n, 2n, 0n] }),
        ...gathers(['zero', 'one', 'two']).map(n =>
          n.opType === 'Gather'
            ? makeNode('Gather', ['s', n.input[1] ?? ''], [...n.output], { axis: 0n })
            : n,
        ),
      ],
      { x: floats([2, 3, 4]) },
      constants,
    )
    const { plain } = await both(model, { x: floats([2, 3, 4]) })
    expect(plain).toContain('Split')
    expect(plain).toContain('Transpose')
  })
})

describe('softmax in front of a product', () => {
  const feeds = { x: floats([2, 3, 6]), v: floats([2, 6, 2]) }
  const net = (between: ReturnType<typeof makeNode>[], a: string) =>
    squared(
      [makeNode('Softmax', ['x'], ['a'], { axis: -1n }), ...between, makeNode('MatMul', [a, 'v'], ['y'])],
      feeds,
      { one: 1 },
    )

  it('takes the sums of its gradient from the narrower product', async () => {
    // With a node in between the sums are those of softmax itself.
    const models = [net([], 'a'), net([makeNode('Mul', ['a', 'one'], ['b'])], 'b')]
    const graphs = await Promise.all(
      models.map(model => gradientGraph(model, { loss: 'loss', wrt: ['x', 'v'] })),
    )
    const products = graphs.map(({ graph }) => graph.uses('a').filter(u => u.node.opType === 'Mul').length)
    expect(products).toEqual([1, 3])
    const [found, expected] = await Promise.all(
      graphs.map(async graph => (await runOnce(graph, feeds))[gradientName('x')]?.data as Float32Array),
    )
    expected?.forEach((value, i) => {
      expect(found?.[i]).toBeCloseTo(value, 6)
    })
    expect(expected).toHaveLength(36)
  })
})
