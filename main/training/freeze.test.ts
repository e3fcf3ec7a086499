import { expect, it } from 'vitest'
import { withoutFrozen } from './freeze'
import { spiralNet } from './testing'
import { inspectProblem } from './testing-errors'

const ALL = ['w0', 'b0', 'w1', 'b1', 'w2', 'b2']

it.each([
  [[], ALL],
  [['w0'], ['b0', 'w1', 'b1', 'w2', 'b2']],
  [['b*'], ['w0', 'w1', 'w2']],
  [['*1'], ['w0', 'b0', 'w2', 'b2']],
  [['first:1'], ['w1', 'b1', 'w2', 'b2']],
  [['first:2', 'w2'], ['b2']],
])('%j leaves %j', (patterns, left) => {
  expect(withoutFrozen(spiralNet(), ALL, patterns)).toEqual(left)
})

it('takes every other sign of a name as it is', () => {
  const names = ['a.b[0]/w', 'aXb[0]/w', 'a(b)+']
  expect(withoutFrozen(spiralNet(), names, ['a.b[0]*'])).toEqual(['aXb[0]/w', 'a(b)+'])
  expect(withoutFrozen(spiralNet(), names, ['a(b)+'])).toEqual(['a.b[0]/w', 'aXb[0]/w'])
})

it.each([
  [['nope'], 'No weight is called nope.', 'Weights are called w0, b0, w1 ….'],
  [['first:0'], 'No weight is called first:0.', 'Weights are called w0, b0, w1 ….'],
  [['w'], 'No weight is called w.', 'Weights are called w0, b0, w1 ….'],
  [['*'], 'All weights are frozen, so there is nothing to train.', 'Freeze fewer.'],
  [['first:3'], 'All weights are frozen, so there is nothing to train.', 'Freeze fewer.'],
])('refuses %j', async (patterns, message, action) => {
  const run = async () => withoutFrozen(spiralNet(), ALL, patterns)
  expect(await inspectProblem(run())).toEqual({ code: 'bad-option', message, where: 'freeze', action })
})

it('tells a net without weights from one that is frozen', async () => {
  const run = async () => withoutFrozen(spiralNet(), [], ['w0'])
  expect(await inspectProblem(run())).toEqual({
    code: 'unsupported',
    message: 'The model has no weights that can be trained.',
    where: 'logits',
    action:
      'It needs float32 weights that act on its answer through operators with a gradient, none of them NaN.',
  })
})
