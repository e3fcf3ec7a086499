/** The product's metrics against values that scikit-learn, scipy and numpy computed (bench/metrics.py golden). */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { pairedDifferences } from './differences'
import { measure } from './evaluate'
import type { StoredOutputs } from './outputs'
import { kindOf } from './scores'
import { mcNemar, medianInterval, pairedShareDifference, quantile, wilson } from './statistics'

const interval = z.tuple([z.number(), z.number()])
const numbers = z.array(z.number())
const Golden = z.object({
  cases: z.array(
    z.object({
      name: z.string(),
      task: z.enum(['classification', 'regression']),
      classes: z.number(),
      width: z.number(),
      labels: numbers,
      reference: numbers,
      variant: numbers,
      expected: z.object({
        kind: z.string().optional(),
        metrics: z.record(z.string(), z.number()),
        accuracyInterval: interval.optional(),
        perClass: z.array(z.record(z.string(), z.number())).default([]),
        confusion: z.array(numbers).default([]),
      }),
      agreement: z.record(z.string(), z.number().nullable()),
      mcnemar: z.number().optional(),
      tango: interval.optional(),
      difference: z.number().optional(),
    }),
  ),
  wilson: z.array(z.object({ k: z.number(), n: z.number(), interval })),
  mcnemar: z.array(z.object({ b: z.number(), c: z.number(), p: z.number() })),
  tango: z.array(z.object({ b: z.number(), c: z.number(), n: z.number(), interval })),
  median: z.array(z.object({ values: numbers, interval, quantiles: numbers })),
})
type Case = z.infer<typeof Golden>['cases'][number]

const golden = Golden.parse(JSON.parse(readFileSync(new URL('./golden.json', import.meta.url), 'utf8')))

function near(ours: number | undefined | null, theirs: number | undefined | null, what: string): void {
  expect(Math.abs((ours ?? Number.NaN) - (theirs ?? Number.NaN)), what).toBeLessThan(1e-9)
}

function stored(c: Case, values: number[]): StoredOutputs {
  const output = {
    name: 'y',
    type: 'float32' as const,
    shape: [c.width],
    size: c.width,
    width: c.width,
    values: Float32Array.from(values),
  }
  return {
    model: 'm',
    data: { hash: 'd', source: 'golden', split: 'test' },
    task: c.task,
    main: 'y',
    indices: Uint32Array.from(c.labels, (_, i) => i),
    labels: Float64Array.from(c.labels),
    outputs: [output],
  }
}

describe.each(golden.cases)('$name', c => {
  const names = Array.from({ length: c.classes }, (_, i) => `c${i}`)
  const reference = stored(c, c.reference)
  const variant = stored(c, c.variant)
  const own = measure(reference, names)

  it('has the metrics of scikit-learn', () => {
    if (c.expected.kind) expect(reference.outputs.map(kindOf)).toEqual([c.expected.kind])
    expect(Object.keys(own.metrics).sort()).toEqual(Object.keys(c.expected.metrics).sort())
    for (const [name, value] of Object.entries(c.expected.metrics))
      near(own.metrics[name]?.value, value, name)
    if (c.expected.accuracyInterval) {
      near(own.metrics.accuracy?.low, c.expected.accuracyInterval[0], 'low')
      near(own.metrics.accuracy?.high, c.expected.accuracyInterval[1], 'high')
    }
  })

  it('has its classes and confusion matrix', () => {
    expect(own.confusion).toEqual(c.expected.confusion)
    expect(own.perClass.length).toBe(c.expected.perClass.length)
    own.perClass.forEach(({ name: _, ...values }, i) => {
      for (const [key, value] of Object.entries(values))
        near(value, c.expected.perClass[i]?.[key], `${key} of class ${i}`)
    })
  })

  it('agrees with its variant as numpy says', () => {
    const [agreement] = measure(variant, names, reference).agreement
    for (const [key, value] of Object.entries(c.agreement)) {
      near(agreement?.[key as 'cosine' | 'maxAbs' | 'sqnr' | 'kl' | 'top1'], value, key)
    }
  })

  it('differs from its variant as scipy says', () => {
    const differences = pairedDifferences(reference, variant, c.task)
    if (c.task === 'regression') {
      expect(differences.map(d => d.metric)).toEqual(['r2', 'mae', 'rmse'])
      return
    }
    const [accuracy] = differences
    near(accuracy?.value, c.difference, 'difference')
    near(accuracy?.p, c.mcnemar, 'p')
    const [low = 0, high = 0] = c.tango ?? []
    const rejects = (c.mcnemar ?? 1) < 0.05
    near(accuracy?.low, rejects ? low : Math.min(0, low), 'low')
    near(accuracy?.high, rejects ? high : Math.max(0, high), 'high')
    expect(accuracy?.shown).toBe(rejects)
  })
})

describe('statistics', () => {
  it.each(golden.wilson)('Wilson $k of $n', ({ k, n, interval: [low, high] }) => {
    near(wilson(k, n).low, low, 'low')
    near(wilson(k, n).high, high, 'high')
  })
  it.each(golden.mcnemar)('McNemar $b against $c', ({ b, c, p }) => near(mcNemar(b, c), p, 'p'))
  it.each(golden.tango)('Tango $b against $c of $n', ({ b, c, n, interval: [low, high] }) => {
    near(pairedShareDifference(b, c, n).low, low, 'low')
    near(pairedShareDifference(b, c, n).high, high, 'high')
  })
  it('medians and quantiles', () => {
    for (const {
      values,
      interval: [low, high],
      quantiles,
    } of golden.median) {
      const sorted = values.toSorted((a, b) => a - b)
      expect(medianInterval(sorted)).toEqual({ low, high })
      for (const [i, q] of [0.25, 0.5, 0.9, 0.99].entries())
        near(quantile(sorted, q), quantiles[i], `quantile ${q}`)
    }
  })
})
