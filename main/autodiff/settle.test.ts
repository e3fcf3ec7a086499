import { expect, it } from 'vitest'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { checkModel } from '../onnx/check'
import { inferTypes } from '../onnx/infer'
import { makeTensor, tensorValues } from '../onnx/tensor'
import { settleShapes } from './settle'

/** y = x [n, 6, w] reshaped to [n, 2, 3, w], as exporters write it. */
function reshaping(width: number | string) {
  const at = (name: string, value: number) => makeTensor(name, 'int64', [1], [value])
  return makeModel({
    nodes: [
      makeNode('Shape', ['x'], ['shape'], { start: 0n }),
      makeNode('Slice', ['shape', 'zero', 'one'], ['n']),
      makeNode('Gather', ['shape', 'two'], ['w']),
      makeNode('Concat', ['n', 'two', 'three', 'w'], ['target'], { axis: 0n }),
      makeNode('Reshape', ['x', 'target'], ['y']),
    ],
    inputs: [makeValue('x', 'float32', ['n', 6, width])],
    outputs: [makeValue('y', 'float32', null)],
    initializers: [at('zero', 0), at('one', 1), at('two', 2), at('three', 3)],
  })
}

it('a Reshape to sizes of which one is open is a Reshape to −1', async () => {
  const model = reshaping(5)
  const settled = await settleShapes(model)
  checkModel(settled)
  const node = settled.graph.producer('y')
  const target = settled.graph.initializer(node?.input[1] ?? '')
  expect(target && Array.from(tensorValues(target, null).data as BigInt64Array, Number)).toEqual([
    -1, 2, 3, 5,
  ])
  expect((await inferTypes(settled)).get('y')?.shape.slice(1)).toEqual([2, 3, 5])
  expect(model.graph.producer('y')?.input[1]).toBe('target')
})

it('with two of them open it stays as it is', async () => {
  const settled = await settleShapes(reshaping('w'))
  expect(settled.graph.producer('y')?.input[1]).toBe('target')
})
