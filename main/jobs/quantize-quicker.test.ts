import { expect, test } from 'vitest'
import { quickerQuantization } from './quantize-quicker'

test('what learns for long is left out of a preview, and said', () => {
  const given = { rounding: 'gptq', scaling: 'awq', clip: true, group: 32 }
  const { options, notes } = quickerQuantization(given)
  expect(options).toEqual({ rounding: 'nearest', scaling: 'none', clip: false, group: 32 })
  expect(notes).toHaveLength(3)
  expect(quickerQuantization(options)).toEqual({ options, notes: [] })
})
