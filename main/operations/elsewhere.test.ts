import { describe, expect, it } from 'vitest'
import { saturationNote } from './elsewhere'

const found = {
  samples: 16,
  here: 'exact' as const,
  layers: [{ node: 'Conv c1', share: 0.018 }],
  looked: 4,
  sqnr: 15.2,
  answers: 16,
  changed: 0,
}

describe('a note on saturation', () => {
  it('says where sums saturate, what that changes, and what to do', () => {
    expect(saturationNote(found, { format: 'U8S8' })).toMatchObject({
      code: 'saturates-elsewhere',
      severity: 'warning',
      message:
        'On x86 processors without VNNI sums of 8-bit products saturate in Conv c1 (1.8 % of them): none of 16 answers changes (15.2 dB on 16 samples).',
      action: 'For the same answers everywhere choose seven-bit weights (reduce range), or the format U8U8.',
    })
    const { message } = saturationNote({ ...found, here: 'saturated', changed: 3 }, {}) ?? {}
    expect(message).toContain('without VNNI, such as this one, sums')
    expect(message).toContain('3 of 16 answers are others than with VNNI')
  })

  it('is mild where nobody would see it, and silent where nothing saturates', () => {
    expect(saturationNote({ ...found, sqnr: 55 }, {})).toMatchObject({ severity: 'info' })
    expect(saturationNote({ ...found, layers: [] }, {})).toBeNull()
    // Dynamic quantization has one format.
    expect(saturationNote(found, {})?.action).toBe(
      'For the same answers everywhere choose seven-bit weights (reduce range).',
    )
  })
})
