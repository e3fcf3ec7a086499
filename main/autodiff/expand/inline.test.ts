import { create } from '@bufbuild/protobuf'
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  FunctionProtoSchema,
  OperatorSetIdProtoSchema,
} from 'onnx-buf'
import { describe, expect, it } from 'vitest'
import { makeAttribute, makeGraph, makeModel, makeNode, makeValue } from '../../onnx/build'
import { makeTensor } from '../../onnx/tensor'
import type { Tensor } from '../../runtime/tensor'
import { runOnce } from '../conformance'
import { gradientGraph } from '../gradient'
import { gradientName } from '../prepare'
import { trainable } from '../trainable'
import { untieNormalization } from '../untie'
import { inlineFunctions } from './functions'

const floats = (dims: number[], ...data: number[]): Tensor => ({
  type: 'float32',
  dims,
  data: Float32Array.from(data),
})

/** scaled(x) = LeakyRelu(x, alpha = slope)·x, and twice(x) = scaled(scaled(x)); slope is 0.5 when not given. */
function withFunctions() {
  const slope = create(AttributeProtoSchema, {
    name: 'alpha',
    type: AttributeProto_AttributeType.FLOAT,
    refAttrName: 'slope',
  })
  const leaky = makeNode('LeakyRelu', ['a'], ['b'])
  leaky.attribute = [slope]
  const passed = create(AttributeProtoSchema, {
    name: 'slope',
    type: AttributeProto_AttributeType.FLOAT,
    refAttrName: 'slope',
  })
  const inner = makeNode('scaled', ['a'], ['b'], {}, { domain: 'local' })
  inner.attribute = [passed]
  const opsetImport = [
    create(OperatorSetIdProtoSchema, { domain: '', version: 17n }),
    create(OperatorSetIdProtoSchema, { domain: 'local', version: 1n }),
  ]
  const base = { domain: 'local', opsetImport, input: ['a'], output: ['c'] }
  const model = makeModel({
    nodes: [
      makeNode('twice', ['x'], ['y'], { slope: 0.25 }, { domain: 'local', name: 'call' }),
      makeNode('scaled', ['y'], ['z'], {}, { domain: 'local', name: 'other' }),
      makeNode('ReduceSum', ['z'], ['loss'], { keepdims: 0n }),
    ],
    inputs: [makeValue('x', 'float32', [2])],
    outputs: [makeValue('loss', 'float32', [])],
    domains: { local: 1 },
  })
  model.proto.functions = [
    create(FunctionProtoSchema, {
      ...base,
      name: 'scaled',
      attributeProto: [makeAttribute('slope', 0.5)],
      node: [leaky, makeNode('Mul', ['a', 'b'], ['c'])],
    }),
    create(FunctionProtoSchema, {
      ...base,
      name: 'twice',
      attribute: ['slope'],
      node: [inner, makeNode('scaled', ['b'], ['c'], {}, { domain: 'local' })],
    }),
  ]
  return model
}

describe("a model's own functions", () => {
  it('are put in place of their calls, attributes and defaults included', async () => {
    const model = withFunctions()
    const inlined = inlineFunctions(model)
    expect(inlined.graph.nodes.map(node => node.opType)).toEqual([
      ...['LeakyRelu', 'Mul', 'LeakyRelu', 'Mul', 'LeakyRelu', 'Mul', 'ReduceSum'],
    ])
    expect(inlined.proto.functions).toEqual([])
    expect(inlineFunctions(inlined)).toBe(inlined)
    const x = floats([2], -2, 3)
    expect((await runOnce(inlined, { x })).loss).toEqual((await runOnce(model, { x })).loss)
  })

  it('hide no parameter', async () => {
    const model = withFunctions()
    model.graph.setInitializer(makeTensor('gain', 'float32', [2], [1, 2]))
    model.graph.setInitializer(makeTensor('w', 'float32', [2, 2], [1, 2, 3, 4]))
    model.graph.add(makeNode('MatMul', ['y', 'w'], ['a']), model.graph.nodes[1])
    model.graph.add(makeNode('Mul', ['a', 'gain'], ['b']), model.graph.nodes[2])
    const other = model.graph.nodes[3]
    if (other) model.graph.setInput(other, 0, 'b')
    expect(await trainable(model, 'loss')).toEqual(['gain', 'w'])
    expect(untieNormalization(model).proto.functions).toEqual([])
  })

  it('let gradients through', async () => {
    const graph = await gradientGraph(withFunctions(), { loss: 'loss', wrt: ['x'] })
    const out = await runOnce(graph, { x: floats([2], -2, 3) })
    // x < 0: ((x²/4)²)² = x⁸/256; x > 0: x⁸
    const [low, high] = Array.from(out[gradientName('x')]?.data as Float32Array)
    expect(low).toBeCloseTo((8 * (-2) ** 7) / 256, 3)
    expect((high as number) / (8 * 3 ** 7)).toBeCloseTo(1, 6)
  })
})

/** y = x + w where x has two axes, as shapes tell, else x·w. */
function withBranches(inputs: (number | string)[], condition: string) {
  const branch = (op: string) =>
    makeGraph({
      nodes: [
        makeNode('Constant', [], ['k'], { value_float: 2 }),
        makeNode('Mul', ['w', 'k'], ['v']),
        makeNode(op, ['x', 'v'], ['b']),
      ],
      inputs: [],
      outputs: [makeValue('b', 'float32', null)],
    })
  return makeModel({
    nodes: [
      makeNode('Shape', ['x'], ['shape']),
      makeNode('Gather', ['shape', 'one'], ['width']),
      makeNode('Equal', ['width', 'four'], ['fits']),
      makeNode(
        'If',
        [condition],
        ['y'],
        { then_branch: branch('Add'), else_branch: branch('Mul') },
        { name: 'choice' },
      ),
      makeNode('ReduceSum', ['y'], ['loss'], { keepdims: 0n }),
    ],
    inputs: [makeValue('x', 'float32', inputs), makeValue('c', 'bool', [])],
    outputs: [makeValue('loss', 'float32', [])],
    initializers: [
      makeTensor('one', 'int64', [], [1]),
      makeTensor('four', 'int64', [], [4]),
      makeTensor('w', 'float32', [4], [1, 2, 3, 4]),
    ],
  })
}

describe('an If', () => {
  it('whose condition follows from fixed sizes is the branch it takes', async () => {
    const graph = await gradientGraph(withBranches(['n', 4], 'fits'), { loss: 'loss', wrt: ['w'] })
    expect(graph.graph.nodes.some(node => node.opType === 'If')).toBe(false)
    const feeds = {
      x: floats([3, 4], ...Array(12).fill(1)),
      w: floats([4], 1, 2, 3, 4),
      c: { type: 'bool', dims: [], data: Uint8Array.of(0) } as Tensor,
    }
    const out = await runOnce(graph, feeds)
    expect(Array.from(out[gradientName('w')]?.data as Float32Array)).toEqual([6, 6, 6, 6])
  })

  it('whose condition is computed is refused', async () => {
    await expect(gradientGraph(withBranches(['n', 4], 'c'), { loss: 'loss', wrt: ['x'] })).rejects.toThrow(
      'No gradient flows through If. If choice: Which branch runs is known only while it runs.',
    )
  })
})

describe('operators of old', () => {
  it('Upsample and Scatter are what they are called today', async () => {
    const model = makeModel({
      nodes: [
        makeNode('Upsample', ['x', 'scales'], ['up'], { mode: 'nearest' }),
        makeNode('Scatter', ['up', 'at', 'u'], ['y'], { axis: 3n }),
        makeNode('Mul', ['y', 'y'], ['z']),
        makeNode('ReduceSum', ['z'], ['loss'], { keepdims: 0n }),
      ],
      inputs: [makeValue('x', 'float32', [1, 1, 1, 2]), makeValue('u', 'float32', [1, 1, 1, 1])],
      outputs: [makeValue('loss', 'float32', [])],
      initializers: [
        makeTensor('scales', 'float32', [4], [1, 1, 1, 2]),
        makeTensor('at', 'int64', [1, 1, 1, 1], [0]),
      ],
      opset: 9,
    })
    const graph = await gradientGraph(model, { loss: 'loss', wrt: ['x', 'u'] })
    const out = await runOnce(graph, { x: floats([1, 1, 1, 2], 3, 5), u: floats([1, 1, 1, 1], 7) })
    // y = 7, 3, 5, 5
    expect(Array.from(out[gradientName('x')]?.data as Float32Array)).toEqual([6, 20])
    expect(Array.from(out[gradientName('u')]?.data as Float32Array)).toEqual([14])
    expect(model.graph.nodes.map(node => node.opType)).toContain('Upsample')
  })
})
