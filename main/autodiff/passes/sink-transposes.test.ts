/** Transposes are carried down without changing what is computed, and only where less is moved. */
import { describe, expect, it } from 'vitest'
import { Random } from '../../data/random'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import { copyModel } from '../../onnx/copy'
import type { Model } from '../../onnx/model'
import { makeTensor } from '../../onnx/tensor'
import { elementCount, type Tensor } from '../../runtime/tensor'
import { runOnce } from '../conformance'
import * as axes from './moved-axes'
import { sinkTransposes } from './sink-transposes'

const random = new Random(5)

function floats(dims: number[]): Tensor {
  const data = Float32Array.from({ length: elementCount(dims) }, () => random.unit() - 0.5)
  return { type: 'float32', dims, data }
}

type Nodes = ReturnType<typeof makeNode>[]

/** A model over x whose further inputs are weights and sizes. */
function model(
  x: number[],
  nodes: Nodes,
  weights: Record<string, number[]>,
  sizes: Record<string, number[]>,
): Model {
  const made = makeModel({
    nodes,
    inputs: [makeValue('x', 'float32', x)],
    outputs: [makeValue('y', 'float32', null)],
    initializers: [
      ...Object.entries(weights).map(([name, dims]) =>
        makeTensor(name, 'float32', dims, [...floats(dims).data].map(Number)),
      ),
      ...Object.entries(sizes).map(([name, list]) =>
        makeTensor(name, 'int64', [list.length], list.map(BigInt)),
      ),
    ],
  })
  return made
}

/** Elements moved by the Transposes of the model as it was and as it is; y must be the same. */
async function transposes(before: Model, x: Tensor, keep: string[] = []): Promise<[number, number]> {
  const after = copyModel(before)
  await sinkTransposes(after, keep)
  after.graph.sort()
  const [expected, found] = [await runOnce(before, { x }), await runOnce(after, { x })]
  expect(found.y?.dims).toEqual(expected.y?.dims)
  expected.y?.data.forEach((value: number | bigint | string, i: number) => {
    expect(Number(found.y?.data[i])).toBeCloseTo(Number(value), 5)
  })
  const count = (m: Model) => m.graph.nodes.filter(n => n.opType === 'Transpose').length
  return [count(before), count(after)]
}

const swap = { perm: [1n, 0n, 2n] }

describe('sinkTransposes', () => {
  it('lets a linear layer work in the order there is, where another Transpose undoes the first', async () => {
    const nodes = [
      makeNode('Transpose', ['x'], ['t'], swap),
      makeNode('MatMul', ['t', 'w'], ['m']),
      makeNode('Add', ['b', 'm'], ['a']),
      makeNode('Transpose', ['a'], ['y'], swap),
    ]
    const net = model([2, 3, 4], nodes, { w: [4, 5], b: [5] }, {})
    expect(await transposes(net, floats([2, 3, 4]))).toEqual([2, 0])
  })

  it('moves heads once between attention and the layer behind it', async () => {
    // [N·H, T, d] → [T, N·H, d] → [T·N, H·d] → Gemm → [T, N, E] → [N, T, E]
    const nodes = [
      makeNode('Transpose', ['x'], ['t'], swap),
      makeNode('Reshape', ['t', 'rows'], ['r']),
      makeNode('Gemm', ['r', 'w', 'b'], ['g'], { transB: 1n }),
      makeNode('Reshape', ['g', 'whole'], ['h']),
      makeNode('Transpose', ['h'], ['y'], swap),
    ]
    const net = model([6, 5, 4], nodes, { w: [7, 12], b: [7] }, { rows: [10, 12], whole: [5, 2, 7] })
    expect(await transposes(net, floats([6, 5, 4]))).toEqual([2, 1])
  })

  it('goes into all parts of a Split', async () => {
    const nodes = [
      makeNode('Transpose', ['x'], ['t'], swap),
      makeNode('Reshape', ['t', 'three'], ['r']),
      makeNode('Split', ['r', 'ones'], ['p0', 'p1', 'p2'], { axis: -2n }),
      ...[0, 1, 2].flatMap(i => [
        makeNode('Squeeze', [`p${i}`, 'axis'], [`s${i}`]),
        makeNode('Reshape', [`s${i}`, 'heads'], [`h${i}`]),
        makeNode('Transpose', [`h${i}`], [`q${i}`], swap),
      ]),
      makeNode('Mul', ['q0', 'q1'], ['m']),
      makeNode('Add', ['m', 'q2'], ['y']),
    ]
    const sizes = { three: [5, 2, 3, 4], ones: [1, 1, 1], axis: [2], heads: [5, 4, 2] }
    expect(await transposes(model([2, 5, 12], nodes, {}, sizes), floats([2, 5, 12]))).toEqual([4, 3])
  })

  it('leaves alone what would move as much, what is read twice, and what is to be kept', async () => {
    const chain = (last: Nodes) => [
      makeNode('Transpose', ['x'], ['t'], swap),
      makeNode('MatMul', ['t', 'w'], ['m']),
      ...last,
    ]
    const end = [makeNode('Transpose', ['m'], ['y'], swap)]
    const twice = [
      makeNode('Transpose', ['m'], ['u'], swap),
      makeNode('ReduceSum', ['m'], ['s']),
      makeNode('Add', ['u', 's'], ['y']),
    ]
    const softmax = [
      makeNode('Softmax', ['m'], ['s'], { axis: 0n }),
      makeNode('Transpose', ['s'], ['y'], swap),
    ]
    const net = (last: Nodes) => model([2, 3, 4], chain(last), { w: [4, 5] }, {})
    expect(await transposes(net(softmax), floats([2, 3, 4]))).toEqual([2, 2])
    expect(await transposes(net(twice), floats([2, 3, 4]))).toEqual([2, 2])
    expect(await transposes(net(end), floats([2, 3, 4]), ['m'])).toEqual([2, 2])
  })
})

describe('moved axes', () => {
  it('take axes apart that a Reshape cuts, and leave out those of size 1', () => {
    const moved = axes.permuted([6, 1, 5], [2, 1, 0])
    expect(moved).toEqual({ shape: [6, 5], perm: [1, 0], groups: [1, 0, 1] })
    expect(axes.reshaped(moved, [5, 2, 3])).toEqual({ shape: [2, 3, 5], perm: [2, 0, 1], groups: [1, 1, 1] })
    expect(axes.reshaped(moved, [10, 3])).toEqual({ shape: [2, 3, 5], perm: [2, 0, 1], groups: [2, 1] })
    expect(axes.reshaped(moved, [4, 8])).toBeUndefined()
  })
})
