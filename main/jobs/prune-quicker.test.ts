import { expect, test } from 'vitest'
import { quicker } from './prune-quicker'

const whole = { amount: 0.5, recovery: 'labels', recover: 9, steps: 3, samples: 256 }

test('recovery and rounds are left to the job', () => {
  const { options, notes } = quicker({ ...whole, importance: 'l2', distribution: 'uniform' })
  expect(options).toMatchObject({ amount: 0.5, recovery: 'distill', recover: 0, steps: 1, samples: 256 })
  expect(notes).toEqual([])
  expect(quicker({ amount: 0.5, importance: 'even' }).options).not.toHaveProperty('steps')
})

test('what changes no size is left to the job, with a note', () => {
  for (const [given, changed] of [
    [{ importance: 'taylor', distribution: 'uniform' }, { importance: 'l2' }],
    [{ score: 'wanda', scope: 'layer' }, { score: 'magnitude' }],
    [{ error: 'activation', distribution: 'uniform' }, { error: 'svd' }],
  ] as const) {
    const { options, notes } = quicker({ ...whole, ...given })
    expect(options).toMatchObject({ ...changed, samples: 256 })
    expect(notes).toEqual([
      'What exactly goes is chosen when the job runs, on samples; how much goes is shown.',
    ])
  }
})

test('what sizes depend on is measured on fewer samples, with a note', () => {
  for (const given of [
    { importance: 'taylor', distribution: 'global' },
    { importance: 'l2', distribution: 'sensitivity' },
    { importance: 'similarity' },
    { score: 'wanda', scope: 'global' },
  ]) {
    const { options, notes } = quicker({ ...whole, ...given })
    expect(options).toMatchObject({ ...given, samples: 64 })
    expect(notes).toHaveLength(1)
  }
})
