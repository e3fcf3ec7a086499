import { describe, expect, test } from 'vitest'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { makeTensor, tensorValues } from '../onnx/tensor'
import { serialize } from '../onnx/write'
import { openSession } from '../runtime/session'
import { foldHeld, holdZeros } from './hold'

const model = makeModel({
  opset: 17,
  nodes: [makeNode('MatMul', ['x', 'w'], ['y'])],
  inputs: [makeValue('x', 'float32', [1, 2])],
  outputs: [makeValue('y', 'float32', [1, 2])],
  initializers: [makeTensor('w', 'float32', [2, 2], [1, 2, 3, 4])],
})
const hold = new Map([['w', Uint8Array.of(1, 0, 0, 1)]])

async function answers(of: typeof model): Promise<number[]> {
  const session = await openSession(serialize(of), { threads: 1 })
  try {
    const { y } = await session.run({
      x: { type: 'float32', dims: [1, 2], data: Float32Array.of(1, 10) },
    })
    return Array.from(y?.data as Float32Array)
  } finally {
    await session.close()
  }
}

describe('held zeros', () => {
  test('a held net answers as the folded one, and the original is not changed', async () => {
    const held = holdZeros(model, hold)
    expect(await answers(held)).toEqual([1, 40])
    const folded = foldHeld(held, hold)
    expect(folded.graph.nodes.map(n => n.opType)).toEqual(['MatMul'])
    expect([...folded.graph.initializers()].map(t => t.name)).toEqual(['w'])
    expect(await answers(folded)).toEqual([1, 40])
    expect(await answers(model)).toEqual([31, 42])
  })

  test('folding a model that was never held masks its weights', () => {
    const tensor = foldHeld(model, hold).graph.initializer('w')
    expect(tensor && Array.from(tensorValues(tensor, null).data as Float32Array)).toEqual([1, 0, 0, 4])
  })
})
