import { expect, test } from 'vitest'
import { makeModel, makeNode, makeValue } from './build'
import { modelInputs } from './inputs'
import { makeTensor } from './tensor'

test('what callers feed: not what an initializer provides, symbolic dimensions by name', () => {
  const model = makeModel({
    inputs: [
      makeValue('x', 'float32', ['n', 3]),
      makeValue('w', 'float32', [3]),
      makeValue('ids', 'int64', null),
    ],
    outputs: [makeValue('y', 'float32', ['n', 3])],
    nodes: [makeNode('Add', ['x', 'w'], ['y'])],
    initializers: [makeTensor('w', 'float32', [3], [1, 2, 3])],
  })
  expect(modelInputs(model)).toEqual([
    { name: 'x', type: 'float32', shape: ['n', 3] },
    { name: 'ids', type: 'int64', shape: [] },
  ])
})
