import { describe, expect, it } from 'vitest'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { checkModel } from '../onnx/check'
import { makeTensor } from '../onnx/tensor'
import { serialize } from '../onnx/write'
import type { Tensor } from '../runtime/tensor'
import { runOnce } from './conformance'
import { gradientGraph } from './gradient'
import { gradientName, maskName, runningName, runningStatistics } from './prepare'
import { untieNormalization } from './untie'

const floats = (dims: number[], ...data: number[]): Tensor => ({
  type: 'float32',
  dims,
  data: Float32Array.from(data),
})

/** loss = Σ op(x…), x0, x1, … inputs of the given shapes. */
function summed(op: string, shapes: (number | string)[][], attributes = {}) {
  const names = shapes.map((_, i) => `x${i}`)
  return makeModel({
    nodes: [
      makeNode(op, names, ['y'], attributes, { name: 'node' }),
      makeNode('ReduceSum', ['y'], ['loss'], { keepdims: 0n }),
    ],
    inputs: names.map((name, i) => makeValue(name, 'float32', shapes[i] ?? [])),
    outputs: [makeValue('loss', 'float32', [])],
  })
}

async function gradients(
  model: ReturnType<typeof summed>,
  feeds: Record<string, Tensor>,
): Promise<number[][]> {
  const wrt = Object.keys(feeds)
  const graph = await gradientGraph(model, { loss: 'loss', wrt })
  checkModel(graph)
  const out = await runOnce(graph, feeds)
  return wrt.map(name => {
    expect(out[gradientName(name)]?.dims).toEqual(feeds[name]?.dims)
    return Array.from(out[gradientName(name)]?.data as Float32Array)
  })
}

describe('at singular points', () => {
  const cases: [string, number[], number[], Record<string, unknown>?][] = [
    ['ReduceProd', [2, 3, 4], [12, 8, 6]],
    ['ReduceProd', [2, 0, 4], [0, 8, 0]],
    ['ReduceProd', [0, 0, 4], [0, 0, 0]],
    ['ReduceMax', [5, 1, 5], [0.5, 0, 0.5]],
    ['ReduceMin', [5, 1, 5], [0, 1, 0]],
    ['ReduceL2', [0, 0, 0], [0, 0, 0]],
    ['ReduceL1', [0, -3, 2], [0, -1, 1]],
    ['Relu', [0, -3, 2], [0, 0, 1]],
    ['Relu', [-0, -1e-38, 1e-20], [0, 0, 1]],
    ['Abs', [0, -3, 2], [0, -1, 1]],
    ['Elu', [0, 0, 2], [1, 1, 1]],
    ['GlobalMaxPool', [5, 1, 5], [0.5, 0, 0.5]],
  ]
  it.each(cases)('%s of %j', async (op, x, expected) => {
    const dims = op === 'GlobalMaxPool' ? [1, 1, 3] : [3]
    expect((await gradients(summed(op, [dims]), { x0: floats(dims, ...x) }))[0]).toEqual(expected)
  })

  it('Pow has no slope where the exponent is 0, and none to the exponent at a base of 0', async () => {
    const feeds = { x0: floats([3], 0, 0, 2), x1: floats([3], 0, 2, 3) }
    const [base, exponent] = await gradients(summed('Pow', [[3], [3]]), feeds)
    expect(base).toEqual([0, 0, 12])
    expect(exponent?.slice(0, 2)).toEqual([0, 0])
    expect(exponent?.[2]).toBeCloseTo(8 * Math.LN2, 5)
  })

  it('equal inputs of Max share evenly', async () => {
    const feeds = { x0: floats([2], 1, 4), x1: floats([2], 1, 3) }
    expect(await gradients(summed('Max', [[2], [2]]), feeds)).toEqual([
      [0.5, 1],
      [0.5, 0],
    ])
  })
})

describe('the driver', () => {
  it('sums over axes that were broadcast, also where it must find out while running', async () => {
    const feeds = { x0: floats([2, 3], 1, 2, 3, 4, 5, 6), x1: floats([1, 3], 1, 1, 2) }
    for (const shapes of [
      [
        [2, 3],
        [1, 3],
      ],
      [
        ['n', 3],
        [1, 3],
      ],
      [
        ['n', 'w'],
        ['k', 'w'],
      ],
    ])
      expect(await gradients(summed('Mul', shapes), feeds)).toEqual([
        [1, 1, 2, 1, 1, 2],
        [5, 7, 9],
      ])
  })

  it('adds up what several readers contribute', async () => {
    const model = makeModel({
      nodes: [
        makeNode('Mul', ['x', 'x'], ['a']),
        makeNode('Sum', ['a', 'x', 'x'], ['b']),
        makeNode('ReduceSum', ['b'], ['loss'], { keepdims: 0n }),
      ],
      inputs: [makeValue('x', 'float32', ['n'])],
      outputs: [makeValue('loss', 'float32', [])],
    })
    expect(await gradients(model, { x: floats([2], 3, 5) })).toEqual([[8, 12]])
  })

  it('makes the same graph each time, and leaves the model as it was', async () => {
    const model = summed('Softmax', [['n', 4]])
    const before = serialize(model)
    const [a, b] = [
      await gradientGraph(model, { loss: 'loss', wrt: ['x0'] }),
      await gradientGraph(model, { loss: 'loss', wrt: ['x0'] }),
    ]
    expect(Buffer.compare(serialize(a), serialize(b))).toBe(0)
    expect(Buffer.compare(serialize(model), before)).toBe(0)
  })

  it('names every node without a gradient before it builds anything', async () => {
    const model = makeModel({
      nodes: [
        makeNode('Det', ['x'], ['a'], {}, { name: 'first' }),
        makeNode('Compress', ['a', 'some'], ['b'], {}, { name: 'second' }),
        makeNode('ReduceSum', ['b'], ['loss'], { keepdims: 0n }),
      ],
      inputs: [makeValue('x', 'float32', [2, 3, 3])],
      outputs: [makeValue('loss', 'float32', [])],
      initializers: [makeTensor('some', 'bool', [2], [1, 0])],
    })
    await expect(gradientGraph(model, { loss: 'loss', wrt: ['x'] })).rejects.toMatchObject({
      code: 'unsupported',
      message:
        'No gradient flows through Det, Compress. Det first: Its gradient is not written. Compress second: How much it keeps is known only while it runs.',
      where: 'Det first, Compress second',
    })
  })

  it('refuses names and losses that cannot be', async () => {
    const model = summed('Floor', [[3]])
    await expect(gradientGraph(model, { loss: 'loss', wrt: ['x0'] })).rejects.toThrow(
      'The loss does not depend on x0.',
    )
    await expect(gradientGraph(model, { loss: 'none', wrt: ['x0'] })).rejects.toThrow(
      'There is no value named none in the model.',
    )
    await expect(gradientGraph(model, { loss: 'loss', wrt: ['w'] })).rejects.toThrow(
      'There is no weight or input named w.',
    )
    await expect(gradientGraph(summed('Exp', [[3]]), { loss: 'y', wrt: ['x0'] })).rejects.toThrow(
      'The loss y has more than one element.',
    )
  })
})

describe('training forms', () => {
  it('batch normalization gives out running statistics: m·old + (1 − m)·batch', async () => {
    const model = makeModel({
      nodes: [
        makeNode('BatchNormalization', ['x', 's', 'b', 'mean', 'var'], ['y'], { momentum: 0.75 }),
        makeNode('Mul', ['y', 'x'], ['z']),
        makeNode('ReduceSum', ['z'], ['loss'], { keepdims: 0n }),
      ],
      inputs: [makeValue('x', 'float32', ['n', 1])],
      outputs: [makeValue('loss', 'float32', [])],
      initializers: ['s', 'b', 'mean', 'var'].map((name, i) =>
        makeTensor(name, 'float32', [1], [[1, 0, 4, 2][i] ?? 0]),
      ),
    })
    const graph = await gradientGraph(model, { loss: 'loss', wrt: ['s'] })
    expect(runningStatistics(model)).toEqual(['mean', 'var'])
    expect(graph.graph.inputNames).toEqual(['x', 's', 'mean', 'var'])
    const now = { mean: floats([1], 4), var: floats([1], 2) }
    const out = await runOnce(graph, { x: floats([2, 1], 1, 3), s: floats([1], 1), ...now })
    expect(out[runningName('mean')]?.data[0]).toBeCloseTo(0.75 * 4 + 0.25 * 2, 6)
    expect(out[runningName('var')]?.data[0]).toBeCloseTo(0.75 * 2 + 0.25 * 1, 6)
    // x̂ = ±1/√(1 + ε): Σ x̂·x = 2
    expect(out.loss?.data[0]).toBeCloseTo(2, 4)
    const frozen = await gradientGraph(model, { loss: 'loss', wrt: ['s'], training: false })
    expect(frozen.graph.outputNames).toEqual(['loss', gradientName('s')])
    expect(frozen.graph.inputNames).toEqual(['x', 's'])
  })

  it('batch normalizations that share statistics are refused, and can be untied', async () => {
    const model = makeModel({
      nodes: [
        makeNode('Identity', ['one'], ['again']),
        makeNode('BatchNormalization', ['x', 'one', 'zero', 'zero', 'again'], ['a'], {}, { name: 'first' }),
        makeNode('BatchNormalization', ['a', 'one', 'zero', 'zero', 'one'], ['y'], {}, { name: 'second' }),
        makeNode('ReduceSum', ['y'], ['loss'], { keepdims: 0n }),
      ],
      inputs: [makeValue('x', 'float32', ['n', 1])],
      outputs: [makeValue('loss', 'float32', [])],
      initializers: [makeTensor('one', 'float32', [1], [1]), makeTensor('zero', 'float32', [1], [0])],
    })
    await expect(gradientGraph(model, { loss: 'loss', wrt: ['x'] })).rejects.toMatchObject({
      code: 'unsupported',
      message: 'BatchNormalization first and BatchNormalization second share zero.',
    })
    const untied = untieNormalization(model)
    expect(runningStatistics(untied)).toEqual(['zero_1', 'one_1', 'zero_3', 'one_3'])
    checkModel(await gradientGraph(untied, { loss: 'loss', wrt: ['x'] }))
    expect(untieNormalization(untied)).toBe(untied)
  })

  it('what fresh layers share becomes their own, a table that is tied stays so', () => {
    const model = makeModel({
      nodes: [
        makeNode('LayerNormalization', ['x', 'ones', 'zeros'], ['a']),
        makeNode('MatMul', ['a', 'w'], ['b']),
        makeNode('Add', ['b', 'zeros'], ['c']),
        makeNode('LayerNormalization', ['c', 'ones', 'zeros'], ['d']),
        makeNode('MatMul', ['d', 'w'], ['loss']),
      ],
      inputs: [makeValue('x', 'float32', ['n', 2])],
      outputs: [makeValue('loss', 'float32', null)],
      initializers: [
        makeTensor('ones', 'float32', [2], [1, 1]),
        makeTensor('zeros', 'float32', [2], [0, 0]),
        makeTensor('w', 'float32', [2, 2], [1, 2, 3, 4]),
      ],
    })
    expect(untieNormalization(model).graph.nodes.map(node => node.input.slice(1))).toEqual([
      ['ones', 'zeros'],
      ['w'],
      ['zeros_1'],
      ['ones_1', 'zeros_2'],
      ['w'],
    ])
  })

  it('the scale of the loss multiplies the gradients, not the loss', async () => {
    const model = summed('Exp', [[2]])
    const graph = await gradientGraph(model, { loss: 'loss', wrt: ['x0'], scale: 'scale' })
    expect(graph.graph.inputNames).toEqual(['x0', 'scale'])
    const out = await runOnce(graph, { x0: floats([2], 0, 0), scale: floats([], 1024) })
    expect(out.loss?.data[0]).toBe(2)
    expect(Array.from(out[gradientName('x0')]?.data as Float32Array)).toEqual([1024, 1024])
    await expect(gradientGraph(model, { loss: 'loss', wrt: ['x0'], scale: 'y' })).rejects.toThrow(
      'There is a value named y in the model already.',
    )
  })

  it('dropout multiplies with a mask that comes in, or does nothing', async () => {
    const model = summed('Dropout', [['n', 2]])
    const x0 = floats([2, 2], 1, 2, 3, 4)
    const masked = await gradientGraph(model, { loss: 'loss', wrt: ['x0'], dropout: 'mask' })
    const out = await runOnce(masked, { x0, [maskName('y')]: floats([2, 2], 0, 2, 2, 0) })
    expect(out.loss?.data[0]).toBe(10)
    expect(Array.from(out[gradientName('x0')]?.data as Float32Array)).toEqual([0, 2, 2, 0])
    expect((await gradients(model, { x0 }))[0]).toEqual([1, 1, 1, 1])
  })
})
