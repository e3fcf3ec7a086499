import { describe, expect, test } from 'vitest'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { checkModel } from '../onnx/check'
import type { Model } from '../onnx/model'
import { makeTensor } from '../onnx/tensor'
import type { Tensor } from '../runtime/tensor'
import { editableCopy } from './copy'
import { countOperators, normals, run } from './testing'
import { opsetObstacles, raiseOpset } from './upgrade'

/** Opset 9 with every operator whose attributes became inputs. */
function old(): Model {
  return makeModel({
    opset: 9,
    inputs: [makeValue('x', 'float32', [2, 6, 4])],
    outputs: ['p', 'sm', 'rs', 'u', 'rm', 'h'].map(name => makeValue(name, 'float32', null)),
    nodes: [
      makeNode('Clip', ['x'], ['c'], { min: -0.5, max: 1 }),
      makeNode('Slice', ['c'], ['s'], { starts: [1n], ends: [5n], axes: [1n] }),
      makeNode('Pad', ['s'], ['p'], { pads: [0n, 1n, 0n, 0n, 1n, 0n], value: 0.25 }),
      makeNode('Softmax', ['p'], ['sm'], { axis: 1n }),
      makeNode('ReduceSum', ['sm'], ['rs'], { axes: [1n], keepdims: 0n }),
      makeNode('Split', ['c'], ['a', 'b'], { axis: 1n, split: [2n, 4n] }),
      makeNode('Dropout', ['b'], ['d'], { ratio: 0.3 }),
      makeNode('Unsqueeze', ['d'], ['e'], { axes: [0n] }),
      makeNode('Squeeze', ['e'], ['u'], { axes: [0n] }),
      makeNode('Relu', ['a'], ['unused']),
      makeNode('ReduceMean', ['c'], ['rm'], { axes: [1n], keepdims: 0n }),
      makeNode('Split', ['c'], ['h', 'i'], { axis: 1n }),
    ],
  })
}

const feeds: Record<string, Tensor> = { x: { type: 'float32', dims: [2, 6, 4], data: normals(48, 3) } }

describe('raising an operator set', () => {
  test.each([10, 11, 12, 13, 18, 21])('9 → %d computes the same to the last bit', async target => {
    const model = old()
    expect(opsetObstacles(model, target)).toEqual([])
    const raised = editableCopy(model)
    raiseOpset(raised, target)
    raised.graph.sort()
    checkModel(raised)
    expect(raised.opset()).toBe(target)
    expect(await run(raised, feeds)).toEqual(await run(model, feeds))
  })

  test('Softmax over several axes becomes Flatten → Softmax → Reshape', () => {
    const raised = editableCopy(old())
    raiseOpset(raised, 13)
    expect(countOperators(raised)).toMatchObject({ Flatten: 1, Softmax: 1, Reshape: 1 })
  })

  test('what changed its meaning is refused by name', () => {
    const model = makeModel({
      opset: 9,
      inputs: [makeValue('x', 'float32', [1, 1, 2, 2])],
      outputs: [makeValue('y', 'float32', null)],
      nodes: [makeNode('Upsample', ['x', 's'], ['y'], {}, { name: 'up' })],
      initializers: [makeTensor('s', 'float32', [4], [1, 1, 2, 2])],
    })
    expect(opsetObstacles(model, 13)).toEqual(['Upsample up means something else since opset 10'])
    expect(opsetObstacles(model, 9)).toEqual([])
    expect(opsetObstacles(model, 22)).toContain('opset 22 is newer than 21')
    expect(opsetObstacles(makeModel({ ...emptyParts, opset: 6 }), 13)).toEqual(['opset 6 is older than 7'])
  })
})

const emptyParts = { nodes: [], inputs: [], outputs: [] }
