import { expect, it } from 'vitest'
import { ranWords } from './ran-words'

const none = { int8: 0, float: 0, quantize: 0, conversion: 0, planned: 0, fellBack: [] }

it('says what was planned and what became of it', () => {
  const fellBack = [{ name: 'resize', op: 'Resize' }]
  expect(ranWords({ ...none, int8: 6, float: 1, quantize: 3, conversion: 2, planned: 7, fellBack })).toBe(
    '6 of 7 planned nodes ran in 8 bits; 1 multiplies in float; 3 conversions to 8 bits or back; 2 changes of layout',
  )
})

it('counts kernels where nothing was planned node by node', () => {
  expect(ranWords({ ...none, int8: 1, float: 4, quantize: 1 })).toBe(
    '1 kernel computes in 8 bits; 4 multiply in float; 1 conversion to 8 bits or back',
  )
})
