import { expect, test } from 'vitest'
import { sampleModelPath } from '../data/source'
import { refuseOtherInterface, requireSameInterface } from './interface'
import { readModel } from './read'

const teacher = {
  inputs: [{ name: 'x', type: 'float32', shape: ['batch', 1, 28, 28] }],
  outputs: [{ name: 'y', type: 'float32', shape: ['batch', 10] }],
}

test('a symbolic dimension fits a number', () => {
  const student = {
    inputs: [{ name: 'x', type: 'float32', shape: [1, 1, 28, 28] }],
    outputs: [{ name: 'y', type: 'float32', shape: ['', 10] }],
  }
  expect(() => requireSameInterface(teacher, student)).not.toThrow()
})

test('other outputs are refused, with both sides listed', () => {
  const student = { ...teacher, outputs: [{ name: 'y', type: 'float32', shape: ['', 5] }] }
  expect(() => requireSameInterface(teacher, student)).toThrow(
    'The student takes x float32 [batch, 1, 28, 28] and gives y float32 [?, 5]; the teacher takes x float32 [batch, 1, 28, 28] and gives y float32 [batch, 10]. Both must take and give the same.',
  )
})

test('so are other names, types and ranks', () => {
  for (const change of [{ name: 'z' }, { type: 'float16' }, { shape: [1, 784] }]) {
    const student = { ...teacher, inputs: teacher.inputs.map(input => ({ ...input, ...change })) }
    expect(() => requireSameInterface(teacher, student)).toThrow('must take and give the same')
  }
})

test('of models, what they declare is compared', async () => {
  const [one, other] = [
    await readModel(sampleModelPath('digits')),
    await readModel(sampleModelPath('digits')),
  ]
  expect(() => refuseOtherInterface(one, other)).not.toThrow()
  const [output] = other.graph.proto.output
  if (output) output.name = 'answer'
  expect(() => refuseOtherInterface(one, other)).toThrow(/gives answer float32 .*teacher takes .* gives /)
})
