import { expect, test } from 'vitest'
import { sampleModelPath } from '../data/source'
import { inspectModel } from '../measure/inspect'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { readModel } from '../onnx/read'
import { makeTensor } from '../onnx/tensor'
import { graphView } from './view'

test('the digits teacher: every computing node with its shape and parameters, and what can be compared', async () => {
  const path = sampleModelPath('digits')
  const view = await graphView(await readModel(path))
  const summary = await inspectModel(path)
  expect(view.nodes.reduce((sum, node) => sum + node.parameters, 0)).toBe(summary.parameters)
  expect([view.inputs, view.outputs]).toEqual([summary.inputs, summary.outputs])
  const ids = new Set([
    ...view.inputs.map(i => i.name),
    ...view.nodes.flatMap(n => n.outputs.map(o => o.name)),
  ])
  for (const node of view.nodes) for (const name of node.inputs) expect(ids).toContain(name)
  expect(view.nodes.every(node => node.outputs.every(o => o.shape.length > 1))).toBe(true)
  const conv = view.nodes.find(node => node.op === 'Conv')
  expect(conv?.parameters).toBeGreaterThan(0)
  expect(conv?.losses).toContain('hint')
  expect(view.nodes.at(-1)?.losses).toEqual([]) // the answer itself is no feature
})

test('what is computed from weights alone is part of the node that reads it', async () => {
  const model = makeModel({
    nodes: [
      makeNode('Transpose', ['w'], ['wt'], { perm: [1n, 0n] }),
      makeNode('MatMul', ['x', 'wt'], ['h']),
      makeNode('Relu', ['h'], ['r']),
      makeNode('MatMul', ['r', 'v'], ['y']),
    ],
    inputs: [makeValue('x', 'float32', ['n', 3])],
    outputs: [makeValue('y', 'float32', ['n', 2])],
    initializers: [
      makeTensor('w', 'float32', [4, 3], new Float32Array(12)),
      makeTensor('v', 'float32', [4, 2], new Float32Array(8)),
    ],
  })
  const { nodes } = await graphView(model)
  expect(nodes.map(({ id, op, inputs, parameters }) => [id, op, inputs, parameters])).toEqual([
    ['h', 'MatMul', ['x'], 12],
    ['r', 'Relu', ['h'], 0],
    ['y', 'MatMul', ['r'], 8],
  ])
  expect(nodes[0]?.outputs).toEqual([{ name: 'h', type: 'float32', shape: ['n', 4] }])
})
