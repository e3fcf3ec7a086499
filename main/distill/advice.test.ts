import { expect, it } from 'vitest'
import type { ModelSummary } from '../../shared/domain'
import { adviseTraining } from '../training/advice'
import { distillOptions, trainOptions } from '../training/testing'
import { adviseStudent } from './advice'

// Advice reads the operators and the size alone.
const model = (...operators: string[]) =>
  ({
    sizeBytes: 1000,
    operators: Object.fromEntries(operators.map(op => [op, 1])),
  }) as unknown as ModelSummary

const float = { model: model('Conv', 'Relu', 'Gemm') }
const codes = ({ notes }: { notes: { code: string; severity: string }[] }) =>
  notes.map(n => [n.code, n.severity])

it('has nothing to say of an ordinary fine-tuning, which changes neither size nor speed', () => {
  expect(adviseTraining(float, trainOptions())).toEqual({
    notes: [],
    sizeBytes: 1000,
    latencyRatio: { low: 1, high: 1 },
  })
})

it.each(['QLinearConv', 'QuantizeLinear', 'MatMulInteger', 'MatMulNBits'])(
  'says that %s cannot be trained',
  op => {
    const { notes } = adviseTraining({ model: model('Conv', op) }, trainOptions())
    expect(notes).toEqual([
      {
        code: 'quantized',
        severity: 'error',
        message: `The model is quantized (${op}), and integers cannot be trained.`,
        action: 'Train the float model, and quantize the result.',
      },
    ])
  },
)

it('warns of what is likely to disappoint', () => {
  expect(codes(adviseTraining(float, trainOptions({ validation: 0 })))).toEqual([
    ['no-validation', 'warning'],
  ])
  const fast = trainOptions({ optimizer: 'sgd', learningRate: 3 })
  expect(codes(adviseTraining(float, fast))).toEqual([['learning-rate', 'warning']])
  expect(codes(adviseTraining(float, trainOptions({ optimizer: 'sgd' })))).toEqual([])
})

it('tells what to compare a student with', () => {
  expect(adviseStudent(float, distillOptions())).toEqual({ notes: [], sizeBytes: null, latencyRatio: null })
  const features = [{ kind: 'hint' as const, student: 'a', teacher: 'b', weight: 1 }]
  expect(codes(adviseStudent(float, distillOptions({ features })))).toEqual([['features-may-hurt', 'info']])
  expect(codes(adviseStudent(float, distillOptions({ loss: 'none' })))).toEqual([['no-distillation', 'info']])
  expect(codes(adviseStudent(float, distillOptions({ epochs: 2, init: 'random' })))).toEqual([
    ['few-epochs', 'warning'],
  ])
})
