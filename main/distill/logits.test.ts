import type { NodeProto } from 'onnx-buf'
import { expect, it } from 'vitest'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { makeTensor } from '../onnx/tensor'
import { logitsOf } from './logits'
import { shapesOf } from './tensors-shapes'

function model(nodes: NodeProto[], opset = 17) {
  return makeModel({
    nodes,
    inputs: [makeValue('z', 'float32', ['n', 4])],
    outputs: [makeValue('y', 'float32', null)],
    initializers: [makeTensor('same', 'int64', [2], [-1n, 4n]), makeTensor('other', 'int64', [2], [-1n, 2n])],
    opset,
  })
}

it.each([
  [[makeNode('Softmax', ['z'], ['y'])], { name: 'z', kind: 'logits' }],
  [[makeNode('LogSoftmax', ['z'], ['y'], { axis: 0n })], { name: 'z', kind: 'logits', axis: 0 }],
  [[makeNode('Softmax', ['z'], ['p']), makeNode('Log', ['p'], ['y'])], { name: 'z', kind: 'logits' }],
  [
    [
      makeNode('Sigmoid', ['z'], ['p']),
      makeNode('Cast', ['p'], ['q'], { to: 1n }),
      makeNode('Identity', ['q'], ['y']),
    ],
    { name: 'z', kind: 'binary-logit' },
  ],
  [
    [makeNode('Softmax', ['z'], ['p']), makeNode('Reshape', ['p', 'same'], ['y'])],
    { name: 'z', kind: 'logits' },
  ],
  [
    [makeNode('Softmax', ['z'], ['p']), makeNode('Reshape', ['p', 'other'], ['y'])],
    { name: 'y', kind: 'value' },
  ],
  [[makeNode('Relu', ['z'], ['y'])], { name: 'y', kind: 'value' }],
  // A sigmoid that gates is no end; neither is what an exponential is taken of twice.
  [[makeNode('Sigmoid', ['z'], ['g']), makeNode('Mul', ['z', 'g'], ['y'])], { name: 'y', kind: 'value' }],
  [
    [makeNode('Softmax', ['z'], ['p']), makeNode('Log', ['p'], ['l']), makeNode('Log', ['l'], ['y'])],
    { name: 'y', kind: 'value' },
  ],
])('finds the value before the end of a model #%#', async (nodes, expected) => {
  const made = model(nodes)
  expect(logitsOf(made, 'y', await shapesOf(made))).toEqual(expected)
})

it('knows the axis of old operator sets, and an output that is an input', () => {
  expect(logitsOf(model([makeNode('Softmax', ['z'], ['y'])], 11), 'y').axis).toBe(1)
  expect(logitsOf(model([makeNode('Relu', ['z'], ['y'])]), 'z')).toEqual({ name: 'z', kind: 'value' })
})
