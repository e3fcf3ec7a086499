import { describe, expect, test } from 'vitest'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import { inferTypes } from '../../onnx/infer'
import type { Model } from '../../onnx/model'
import { makeTensor } from '../../onnx/tensor'
import { QUANTIZABLE } from '../../operators/quantize'
import { normals } from '../testing'
import { type SelectOptions, selectNodes } from './select'

const weight = (name: string, dims: number[], seed: number) =>
  makeTensor(
    name,
    'float32',
    dims,
    normals(
      dims.reduce((a, b) => a * b, 1),
      seed,
      0.3,
    ),
  )

/** A feed-forward part with SwiGLU: down(silu(gate(x)) · up(x)), and a head. */
const gated = makeModel({
  inputs: [makeValue('x', 'float32', ['n', 4, 8])],
  outputs: [makeValue('y', 'float32', ['n', 4, 3])],
  nodes: [
    makeNode('MatMul', ['x', 'wg'], ['gate']),
    makeNode('Sigmoid', ['gate'], ['sigmoid']),
    makeNode('Mul', ['gate', 'sigmoid'], ['silu']),
    makeNode('MatMul', ['x', 'wu'], ['up']),
    makeNode('Mul', ['silu', 'up'], ['product']),
    makeNode('MatMul', ['product', 'wd'], ['down']),
    makeNode('Softmax', ['down'], ['soft']),
    makeNode('MatMul', ['soft', 'wh'], ['y']),
  ],
  initializers: [
    weight('wg', [8, 16], 1),
    weight('wu', [8, 16], 2),
    weight('wd', [16, 8], 3),
    weight('wh', [8, 3], 4),
  ],
})

/** A convolution with SiLU, as in detectors. */
const convolved = makeModel({
  inputs: [makeValue('x', 'float32', ['n', 3, 8, 8])],
  outputs: [makeValue('y', 'float32', ['n', 4, 8, 8])],
  nodes: [
    makeNode('Conv', ['x', 'w1'], ['c']),
    makeNode('Sigmoid', ['c'], ['s']),
    makeNode('Mul', ['c', 's'], ['m']),
    makeNode('Conv', ['m', 'w2'], ['y']),
  ],
  initializers: [weight('w1', [4, 3, 1, 1], 5), weight('w2', [4, 4, 1, 1], 6)],
})

async function chosen(model: Model, options: Partial<SelectOptions> = {}) {
  const all = { operators: new Set(QUANTIZABLE), exclude: new Set<never>(), opset: 17, ...options }
  const selection = selectNodes(model, await inferTypes(model), all)
  return {
    nodes: selection.chosen.map(c => c.node.output[0]),
    coded: selection.values.filter(v => v.carried).map(v => v.name),
    notes: selection.notes.map(n => n.message),
  }
}

describe('gates', () => {
  test('of dense layers stay in float, and nothing between them is coded', async () => {
    const { nodes, coded } = await chosen(gated)
    expect(nodes).toEqual(['gate', 'up', 'down', 'y'])
    expect(coded).toEqual([])
  })

  test('behind convolutions are coded', async () => {
    const { nodes, coded } = await chosen(convolved)
    expect(nodes).toEqual(['c', 's', 'm', 'y'])
    expect(coded).toEqual(['c', 's', 'm', 'y'])
  })
})

describe('first and last layers', () => {
  test('stay in float by choice, and say so', async () => {
    const { nodes, notes } = await chosen(gated, { edges: 'float' })
    expect(nodes).toEqual(['down'])
    expect(
      notes.filter(n => n.endsWith('it is a first or last layer, and these were chosen to stay.')),
    ).toHaveLength(3)
    expect((await chosen(gated, { edges: 'int8' })).nodes).toHaveLength(4)
  })
})
