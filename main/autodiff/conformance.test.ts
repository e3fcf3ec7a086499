import { describe, expect, it } from 'vitest'
import { operatorRows } from '../operators'
import { gradientError, TOLERANCE } from './conformance'
import { GRADIENT_SPECS } from './specs'

describe('every rule agrees with finite differences', () => {
  it.each(GRADIENT_SPECS.map((spec, i) => [`${spec.op} #${i}`, spec] as const))('%s', async (_, spec) => {
    const { error, precision } = await gradientError(spec)
    if (process.env.BANTAM_GRADIENT_ERRORS) console.log(`${precision} ${error.toExponential(1)} ${spec.op}`)
    expect(error, `relative error in ${precision}`).toBeLessThan(TOLERANCE[precision])
  })

  const windowed = GRADIENT_SPECS.filter(spec => /Conv|Pool$|^BatchNormalization$/.test(spec.op))
  it.each(windowed.map((spec, i) => [`${spec.op} #${i}`, spec] as const))('%s for GPUs', async (_, spec) => {
    const { error, precision } = await gradientError(spec, true)
    expect(error, `relative error in ${precision}`).toBeLessThan(TOLERANCE[precision])
  })

  it('and every row with a rule has a spec', () => {
    const seen = new Set(GRADIENT_SPECS.map(spec => spec.op))
    const rules = [...operatorRows()]
      .filter(([, row]) => typeof row.gradient === 'function')
      .map(([op]) => op)
    expect(rules.filter(op => !seen.has(op))).toEqual([])
    expect(rules.length).toBeGreaterThan(90)
  })
})
