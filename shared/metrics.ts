/** The catalogue of numbers a variant can be compared on: axes of the chart, columns of tables and reports. */
import type { GenerationRow, Measured, Variant } from './domain'

export interface Metric {
  id: string
  title: string
  /** Shown in tight places. */
  short: string
  unit: 'bytes' | 'ms' | 'share' | 'count' | 'perSecond' | 'joules' | 'decibel' | 'nats' | 'number'
  better: 'higher' | 'lower'
  read(variant: Variant): Measured | undefined
}

/** What quality is read from. */
type Evaluated = Pick<Variant, 'evaluation'>

function evaluated(id: string): (variant: Evaluated) => Measured | undefined {
  return variant => variant.evaluation?.metrics[id]
}

function agreed(
  key: 'cosine' | 'maxAbs' | 'sqnr' | 'kl' | 'top1',
): (variant: Evaluated) => Measured | undefined {
  return variant => {
    const values = (variant.evaluation?.agreement ?? []).flatMap(a => a[key] ?? [])
    if (values.length === 0) return undefined
    // The worst output speaks for the model.
    return { value: key === 'maxAbs' || key === 'kl' ? Math.max(...values) : Math.min(...values) }
  }
}

/** Latency at `batch` on the fewest threads measured. */
function latency(batch: number): (variant: Variant) => Measured | undefined {
  return variant => {
    const rows = (variant.benchmark?.rows ?? []).filter(r => r.model === variant.model && r.batch === batch)
    const row = rows.sort((a, b) => a.threads - b.threads)[0]
    return row && { value: row.latencyMs.median, low: row.latencyMs.low, high: row.latencyMs.high }
  }
}

function fromRows(
  pick: 'throughput' | 'peakMemoryBytes' | 'energyJ' | 'loadMs',
  best: (...values: number[]) => number,
): (variant: Variant) => Measured | undefined {
  return variant => {
    const values = (variant.benchmark?.rows ?? [])
      .filter(r => r.model === variant.model)
      .flatMap(r => r[pick] ?? [])
    return values.length > 0 ? { value: best(...values) } : undefined
  }
}

/** Of a language model: what was measured on the fewest threads. */
export function generationRow({ benchmark, model }: Variant): GenerationRow | undefined {
  const rows = (benchmark?.generation?.rows ?? []).filter(r => r.model === model)
  return rows.sort((a, b) => a.threads - b.threads)[0]
}

function generated(
  key: 'tokensPerSecond' | 'promptTokensPerSecond',
): (variant: Variant) => Measured | undefined {
  return variant => generationRow(variant)?.[key]
}

export const METRICS: readonly Metric[] = [
  {
    id: 'accuracy',
    title: 'Accuracy',
    short: 'accuracy',
    unit: 'share',
    better: 'higher',
    read: evaluated('accuracy'),
  },
  {
    id: 'top5',
    title: 'Top-5 accuracy',
    short: 'top-5',
    unit: 'share',
    better: 'higher',
    read: evaluated('top5'),
  },
  {
    id: 'balancedAccuracy',
    title: 'Balanced accuracy',
    short: 'balanced',
    unit: 'share',
    better: 'higher',
    read: evaluated('balancedAccuracy'),
  },
  {
    id: 'macroF1',
    title: 'Macro F1',
    short: 'F1',
    unit: 'share',
    better: 'higher',
    read: evaluated('macroF1'),
  },
  {
    id: 'logLoss',
    title: 'Log loss',
    short: 'log loss',
    unit: 'nats',
    better: 'lower',
    read: evaluated('logLoss'),
  },
  {
    id: 'ece',
    title: 'Expected calibration error',
    short: 'ECE',
    unit: 'share',
    better: 'lower',
    read: evaluated('ece'),
  },
  {
    id: 'mae',
    title: 'Mean absolute error',
    short: 'MAE',
    unit: 'number',
    better: 'lower',
    read: evaluated('mae'),
  },
  {
    id: 'rmse',
    title: 'Root mean squared error',
    short: 'RMSE',
    unit: 'number',
    better: 'lower',
    read: evaluated('rmse'),
  },
  {
    id: 'perplexity',
    title: 'Perplexity',
    short: 'perplexity',
    unit: 'number',
    better: 'lower',
    read: evaluated('perplexity'),
  },
  {
    id: 'bitsPerToken',
    title: 'Bits per token',
    short: 'bits per token',
    unit: 'number',
    better: 'lower',
    read: evaluated('bitsPerToken'),
  },
  {
    id: 'nextToken',
    title: 'Next token right',
    short: 'next token',
    unit: 'share',
    better: 'higher',
    read: evaluated('nextToken'),
  },
  { id: 'r2', title: 'R²', short: 'R²', unit: 'number', better: 'higher', read: evaluated('r2') },
  {
    id: 'agreement',
    title: 'Same answer as the teacher',
    short: 'agreement',
    unit: 'share',
    better: 'higher',
    read: agreed('top1'),
  },
  {
    id: 'cosine',
    title: 'Cosine similarity to the teacher',
    short: 'cosine',
    unit: 'number',
    better: 'higher',
    read: agreed('cosine'),
  },
  {
    id: 'kl',
    title: 'KL divergence from the teacher',
    short: 'KL',
    unit: 'nats',
    better: 'lower',
    read: agreed('kl'),
  },
  {
    id: 'sqnr',
    title: 'Signal to quantization noise',
    short: 'SQNR',
    unit: 'decibel',
    better: 'higher',
    read: agreed('sqnr'),
  },
  {
    id: 'sizeBytes',
    title: 'File size',
    short: 'size',
    unit: 'bytes',
    better: 'lower',
    read: v => ({ value: v.summary.sizeBytes }),
  },
  {
    id: 'latency1',
    title: 'Latency, batch 1',
    short: 'latency ×1',
    unit: 'ms',
    better: 'lower',
    read: latency(1),
  },
  {
    id: 'latency32',
    title: 'Latency, batch 32',
    short: 'latency ×32',
    unit: 'ms',
    better: 'lower',
    read: latency(32),
  },
  {
    id: 'throughput',
    title: 'Throughput',
    short: 'throughput',
    unit: 'perSecond',
    better: 'higher',
    read: fromRows('throughput', Math.max),
  },
  {
    id: 'tokensPerSecond',
    title: 'Tokens per second',
    short: 'tokens/s',
    unit: 'perSecond',
    better: 'higher',
    read: generated('tokensPerSecond'),
  },
  {
    id: 'promptTokensPerSecond',
    title: 'Prompt tokens per second',
    short: 'prompt tokens/s',
    unit: 'perSecond',
    better: 'higher',
    read: generated('promptTokensPerSecond'),
  },
  {
    id: 'generationMemory',
    title: 'Peak memory, continuing a text',
    short: 'memory, text',
    unit: 'bytes',
    better: 'lower',
    read: variant => {
      const bytes = generationRow(variant)?.peakMemoryBytes
      return typeof bytes === 'number' ? { value: bytes } : undefined
    },
  },
  {
    id: 'loadMs',
    title: 'Load time',
    short: 'load',
    unit: 'ms',
    better: 'lower',
    read: fromRows('loadMs', Math.min),
  },
  {
    id: 'peakMemory',
    title: 'Peak memory',
    short: 'memory',
    unit: 'bytes',
    better: 'lower',
    read: fromRows('peakMemoryBytes', Math.max),
  },
  {
    id: 'energy',
    title: 'Energy per sample',
    short: 'energy',
    unit: 'joules',
    better: 'lower',
    read: fromRows('energyJ', Math.min),
  },
  {
    id: 'parameters',
    title: 'Parameters',
    short: 'parameters',
    unit: 'count',
    better: 'lower',
    read: v => ({ value: v.summary.parameters }),
  },
  {
    id: 'macs',
    title: 'Multiply-accumulates',
    short: 'MACs',
    unit: 'count',
    better: 'lower',
    read: v => ({ value: v.summary.macs }),
  },
]

/**
 * The reference with the benchmark it took part in together with `variant`, where there is one: two latencies of
 * different runs are not comparable on a machine whose speed drifts.
 */
export function measuredTogether(reference: Variant, variant: Variant): Variant {
  const together = variant.benchmark?.rows.some(r => r.model === reference.model)
  return together ? { ...reference, benchmark: variant.benchmark } : reference
}

export function metricById(id: string): Metric {
  const metric = METRICS.find(m => m.id === id)
  if (!metric) throw new RangeError(`No metric is called ${id}`)
  return metric
}

const MAIN = [
  { id: 'accuracy', read: evaluated('accuracy') },
  { id: 'r2', read: evaluated('r2') },
  { id: 'perplexity', read: evaluated('perplexity') },
  { id: 'agreement', read: agreed('top1') },
  { id: 'cosine', read: agreed('cosine') },
]

/** The task's main metric: what "accuracy" means for this variant. */
export function mainMetric(variant: Evaluated): Metric {
  return metricById(MAIN.find(m => m.read(variant))?.id ?? 'cosine')
}

/** The value of the main metric. */
export function mainValue(variant: Evaluated): Measured | undefined {
  return MAIN.flatMap(m => m.read(variant) ?? [])[0]
}

/** Metrics at least one of the variants has a value for. */
export function availableMetrics(variants: readonly Variant[]): Metric[] {
  return METRICS.filter(m => variants.some(v => m.read(v) !== undefined))
}

/** Ids of the variants that no other beats on both metrics (Pareto front), ordered by `x`. */
export function paretoFront(variants: readonly Variant[], x: Metric, y: Metric): string[] {
  const sign = (m: Metric) => (m.better === 'lower' ? 1 : -1)
  const points = variants.flatMap(v => {
    const [a, b] = [x.read(v), y.read(v)]
    return a && b ? [{ id: v.id, x: a.value * sign(x), y: b.value * sign(y) }] : []
  })
  return points
    .filter(p => !points.some(q => q.x <= p.x && q.y <= p.y && (q.x < p.x || q.y < p.y)))
    .sort((p, q) => p.x - q.x || p.y - q.y)
    .map(p => p.id)
}
