import type { Variant } from '../../../shared/domain'
import { formatValue } from '../../../shared/format'
import { type Metric, metricById } from '../../../shared/metrics'
import type { Constraint } from '../store/ui'

/** Whether a value is on the allowed side of a limit; exactly on it counts. */
export function isWithin(value: number, limit: number, metric: Metric): boolean {
  return metric.better === 'lower' ? value <= limit : value >= limit
}

/** Whether a variant meets every limit. What was not measured cannot be said to meet it. */
export function meetsAll(variant: Variant, constraints: readonly Constraint[]): boolean {
  return constraints.every(({ metric: id, limit }) => {
    const metric = metricById(id)
    const measured = metric.read(variant)
    return measured !== undefined && isWithin(measured.value, limit, metric)
  })
}

/** '5 of 9 variants meet size ≤ 600 kB and accuracy ≥ 98.50 %'. */
export function constraintText(variants: readonly Variant[], constraints: readonly Constraint[]): string {
  const met = variants.filter(v => meetsAll(v, constraints)).length
  const limits = constraints.map(c => limitText(metricById(c.metric), c.limit)).join(' and ')
  return `${met} of ${variants.length} meet ${limits}`
}

/** 'size ≤ 600 kB'. */
export function limitText(metric: Metric, limit: number): string {
  return `${metric.short} ${metric.better === 'lower' ? '≤' : '≥'} ${formatValue(limit, metric.unit)}`
}
