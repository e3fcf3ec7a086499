import { describe, expect, it } from 'vitest'
import type { Difference, Evaluation, LatencyRatio, Variant } from './domain'
import {
  describeRatio,
  describeSize,
  differenceTone,
  factorText,
  ownComparison,
  ratiosBetween,
  speedText,
  verdict,
} from './verdict'

function makeVariant(id: string, parentId: string | null, accuracy: number): Variant {
  return {
    id,
    studyId: 's',
    name: id,
    parentId,
    model: `hash-${id}`,
    summary: {
      hash: `hash-${id}`,
      sizeBytes: 1_000_000,
      opset: 17,
      opsets: { '': 17 },
      producer: 'test',
      inputs: [{ name: 'pixels', type: 'float32', shape: ['batch', 1, 28, 28] }],
      outputs: [{ name: 'logits', type: 'float32', shape: ['batch', 10] }],
      parameters: 250_000,
      macs: 5_000_000,
      unknownCost: {},
      nodes: 12,
      operators: { Conv: 4 },
      notes: [],
    },
    step: parentId === null ? null : { technique: 'quantize.static-int8', options: {} },
    seed: 0,
    plan: null,
    verification: parentId === null ? null : { loads: true, parity: null, notes: [] },
    evaluation: {
      data: { hash: 'd', source: 's', split: 'test', count: 3000 },
      task: 'classification',
      metrics: { accuracy: { value: accuracy } },
      agreement: [],
      differences: [],
      seconds: 1,
      notes: [],
      model: `hash-${id}`,
    },
    benchmark: null,
    createdAt: '2026-03-02T09:12:00.000Z',
  }
}

const teacher = makeVariant('teacher', null, 0.9897)
const first = makeVariant('first', 'teacher', 0.9887)

type Change = Partial<Omit<Variant, 'evaluation'>> & {
  bytes?: number
  evaluation?: Partial<Evaluation> | null
}

/** The teacher at 1 MB. */
const reference: Variant = { ...teacher, summary: { ...teacher.summary, sizeBytes: 1_000_000 } }

function make(change: Change): Variant {
  const { bytes = 250_000, evaluation, ...rest } = change
  const base = first
  return {
    ...base,
    summary: { ...base.summary, sizeBytes: bytes },
    evaluation: evaluation === null || !base.evaluation ? null : { ...base.evaluation, ...evaluation },
    ...rest,
  }
}

function ratio(value: number, low: number, high: number, batch = 1, threads = 1): LatencyRatio {
  return { a: reference.model, b: first.model, batch, threads, ratio: value, low, high }
}

function difference(value: number, low: number, high: number, metric = 'accuracy'): Difference {
  return { metric, value, low, high, p: 0.1, test: 'exact McNemar', shown: low > 0 || high < 0 }
}

const faster = ratio(0.476, 0.46, 0.49)
const noise = difference(-0.001, -0.003, 0.001)

function say(variant: Variant, ratios: LatencyRatio[], differences: Difference[]): string {
  return verdict(reference, variant, { ratios, differences }).sentence
}

describe('verdict', () => {
  it('joins gains with "and" and claims no accuracy difference inside the noise', () => {
    const result = verdict(reference, make({}), { ratios: [faster], differences: [noise] })
    expect(result.sentence).toBe(
      '2.1× faster and 4.0× smaller; no accuracy difference shown on 3,000 samples.',
    )
    expect(result.tone).toBe('good')
    expect(result.quality.detail).toBe('−0.10 points (−0.30 to +0.10) · 3,000 samples, exact McNemar')
    expect(result.speed.detail).toBe('2.0× to 2.2× faster · batch 1, 1 thread, interleaved')
  })

  it('joins a gain and a cost with "but", the gain first', () => {
    expect(say(make({}), [ratio(9.5, 9.3, 9.8)], [noise])).toBe(
      '4.0× smaller but 9.5× slower; no accuracy difference shown on 3,000 samples.',
    )
    expect(say(make({ bytes: 1_500_000 }), [faster], [noise])).toBe(
      '2.1× faster but 1.5× larger; no accuracy difference shown on 3,000 samples.',
    )
  })

  it('does not claim speed when the interval of the ratio covers one', () => {
    const result = verdict(reference, make({}), { ratios: [ratio(0.9, 0.79, 1.02)], differences: [noise] })
    expect(result.sentence).toBe(
      '4.0× smaller; no speed difference shown; no accuracy difference shown on 3,000 samples.',
    )
    expect(result.speed.tone).toBe('uncertain')
    expect(result.speed.detail).toContain('between 1.3× faster and 2 % slower')
  })

  it('does not claim speed when an end of the interval is exactly one', () => {
    expect(verdict(reference, make({}), { ratios: [ratio(0.9, 0.8, 1)], differences: [] }).speed.tone).toBe(
      'uncertain',
    )
  })

  it('says how much accuracy was lost where a loss is shown', () => {
    const result = verdict(reference, make({}), {
      ratios: [faster],
      differences: [difference(-0.0093, -0.0131, -0.0056)],
    })
    expect(result.sentence).toBe('2.1× faster and 4.0× smaller; accuracy 0.93 points lower on 3,000 samples.')
    expect(result.tone).toBe('mixed')
  })

  it('calls a shown gain a gain', () => {
    const result = verdict(reference, make({ bytes: 1_000_000 }), {
      ratios: [],
      differences: [difference(0.012, 0.004, 0.02)],
    })
    expect(result.sentence).toBe(
      'Speed not compared; the same size; accuracy 1.20 points higher on 3,000 samples.',
    )
    expect(result.tone).toBe('good')
  })

  it('warns of a loss that few samples could hide', () => {
    const few = make({ evaluation: { data: { hash: 'd', source: 's', split: 'test', count: 50 } } })
    expect(say(few, [faster], [difference(-0.02, -0.064, 0.024)])).toBe(
      '2.1× faster and 4.0× smaller; no accuracy difference shown on 50 samples (a loss of up to 6.4 points is possible).',
    )
  })

  it('trusts the interval even when the flag of the difference disagrees with its value of zero', () => {
    const result = verdict(reference, make({}), {
      ratios: [],
      differences: [{ ...difference(0, 0, 0), shown: true }],
    })
    expect(result.quality.tone).toBe('uncertain')
  })

  it('names everything that was not measured', () => {
    const result = verdict(reference, make({ evaluation: null }), { ratios: [], differences: [] })
    expect(result.sentence).toBe('4.0× smaller; speed not compared; accuracy not measured.')
    expect(result.speed.figure).toBe('–')
    expect(result.tone).toBe('unknown')
  })

  it('does not compare accuracies that were not paired, however far apart', () => {
    const result = verdict(reference, make({}), { ratios: [faster], differences: [] })
    expect(result.sentence).toContain('accuracy not compared')
    expect(result.quality.tone).toBe('unknown')
  })

  it('mentions the batch size where another one says the opposite', () => {
    expect(say(make({}), [ratio(1.3, 1.2, 1.4, 32), faster], [noise])).toBe(
      '2.1× faster at batch 1 (1.3× slower at batch 32) and 4.0× smaller; no accuracy difference shown on 3,000 samples.',
    )
  })

  it('is bad where everything is worse', () => {
    const result = verdict(reference, make({ bytes: 2_000_000 }), {
      ratios: [ratio(2, 1.9, 2.1)],
      differences: [difference(-0.1, -0.12, -0.08)],
    })
    expect(result.sentence).toBe('2.0× slower and 2.0× larger; accuracy 10.00 points lower on 3,000 samples.')
    expect(result.tone).toBe('bad')
  })

  it('knows that a lower error is better and a lower R² is worse', () => {
    const regression = make({ evaluation: { task: 'regression', metrics: { r2: { value: 0.9 } } } })
    const result = verdict(reference, regression, {
      ratios: [],
      differences: [difference(-0.02, -0.03, -0.01, 'r2')],
    })
    expect(result.quality.text).toBe('R² 0.02000 lower on 3,000 samples')
    expect(result.quality.tone).toBe('worse')
  })

  it('speaks of agreement where there are no labels, and claims nothing', () => {
    const agreement = [{ output: 'y', cosine: 0.9991, maxAbs: 0.1, sqnr: 30, top1: 0.987 }]
    const same = verdict(reference, make({ evaluation: { metrics: {}, agreement } }), {
      ratios: [],
      differences: [],
    })
    expect(same.quality.text).toBe('the same answer as the teacher on 98.7 % of 3,000 samples')
    expect(same.quality.tone).toBe('unknown')
    const plain = agreement.map(({ top1: _, ...a }) => a)
    expect(
      verdict(reference, make({ evaluation: { metrics: {}, agreement: plain } }), {
        ratios: [],
        differences: [],
      }).quality.text,
    ).toBe('outputs match the teacher’s with cosine 0.9991 on 3,000 samples')
  })

  it('puts a file that does not load before everything else', () => {
    const broken = make({ verification: { loads: false, parity: null, notes: [] } })
    const result = verdict(reference, broken, { ratios: [faster], differences: [noise] })
    expect(result.sentence).toBe('Stock ONNX Runtime does not load this file; do not ship it.')
    expect(result.tone).toBe('bad')
  })

  it('describes the teacher alone', () => {
    expect(verdict(reference, reference).sentence).toBe(
      'The teacher: 1.00 MB, accuracy 98.97 % on 3,000 samples.',
    )
    expect(verdict({ ...reference, evaluation: null }, { ...reference, evaluation: null }).sentence).toBe(
      'The teacher: 1.00 MB.',
    )
  })

  it('does not divide by a size of zero', () => {
    expect(verdict(reference, make({ bytes: 0 })).size.text).toBe('size unknown')
  })
})

describe('ownComparison', () => {
  it('takes the differences only when they are against this reference', () => {
    const variant = make({ evaluation: { reference: reference.model, differences: [noise] } })
    expect(ownComparison(reference, variant).differences).toEqual([noise])
    expect(ownComparison({ ...reference, model: 'other' }, variant)).toEqual({ differences: [], ratios: [] })
  })
})

describe('ratiosBetween', () => {
  it('turns a ratio round that was measured the other way', () => {
    const [turned] = ratiosBetween(make({}), reference, [ratio(0.5, 0.4, 0.8)])
    expect(turned).toMatchObject({ a: first.model, b: reference.model, ratio: 2, low: 1.25, high: 2.5 })
  })

  it('leaves out other pairs and puts the smallest batch and fewest threads first', () => {
    const other = { ...ratio(1, 1, 1), b: 'someone else' }
    const sorted = ratiosBetween(reference, make({}), [
      ratio(1, 1, 1, 32),
      other,
      ratio(1, 1, 1, 1, 4),
      ratio(1, 1, 1, 1, 2),
    ])
    expect(sorted.map(r => [r.batch, r.threads])).toEqual([
      [1, 2],
      [1, 4],
      [32, 1],
    ])
  })
})

describe('what the numbers allow one to claim', () => {
  it('knows for every metric which way is better, and claims nothing of one it does not know', () => {
    expect(differenceTone(difference(0.1, 0.05, 0.2, 'logLoss'))).toBe('worse')
    expect(differenceTone(difference(-0.1, -0.2, -0.05, 'mae'))).toBe('better')
    expect(differenceTone(difference(0.1, 0.05, 0.2, 'r2'))).toBe('better')
    expect(differenceTone(difference(0.1, -0.05, 0.2, 'r2'))).toBe('uncertain')
    expect(differenceTone(difference(0.1, 0.05, 0.2, 'colour'))).toBe('uncertain')
  })

  it('gives a ratio with its interval, whichever way it points', () => {
    expect(describeRatio(ratio(0.5, 0.48, 0.52))).toBe('2.0× faster (1.9× to 2.1× faster)')
    expect(describeRatio(ratio(0.667, 0.66, 0.675))).toBe('1.5× faster (1.48× to 1.52× faster)')
    expect(describeRatio(ratio(2, 1.9, 2.1))).toBe('2.0× slower (1.9× to 2.1× slower)')
    expect(describeRatio(ratio(1, 0.98, 1.06))).toBe(
      'no difference shown (between 2 % faster and 6 % slower)',
    )
  })

  it('gives sizes as factors, small changes in per cent, and equal ones as the same', () => {
    expect(describeSize(1000, 256)).toBe('3.9× smaller')
    expect(describeSize(1000, 1040)).toBe('4 % larger')
    expect(describeSize(100_000, 100_050)).toBe('the same size')
  })

  it('says every clause with the numbers behind it', () => {
    const differences = [difference(-0.0093, -0.0131, -0.0056)]
    const { speed, size, quality } = verdict(reference, make({}), {
      ratios: [faster, ratio(1.3, 1.2, 1.4, 32)],
      differences,
    })
    expect([speed.full, size.full, quality.full]).toEqual([
      '2.1× faster (2.0× to 2.2× faster) at batch 1, but 1.3× slower (1.2× to 1.4× slower) at batch 32',
      '4.0× smaller (1.00 MB → 250 kB)',
      'accuracy 0.93 points lower on 3,000 samples: −0.93 points (−1.31 to −0.56)',
    ])
  })
})

describe('factors in words', () => {
  it.each([
    [1.004, '0.4 %'],
    [1.04, '4 %'],
    [1.1, '1.1×'],
    [2.14, '2.1×'],
    [9.96, '10×'],
    [1234, '1,234×'],
  ])('%d is %s', (factor, text) => expect(factorText(factor)).toBe(text))

  it('says faster below one and slower above', () => {
    expect(speedText(0.5)).toBe('2.0× faster')
    expect(speedText(0.98)).toBe('2 % faster')
    expect(speedText(1.5)).toBe('1.5× slower')
  })
})
