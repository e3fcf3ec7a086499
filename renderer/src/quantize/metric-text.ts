import { formatShare } from '../../../shared/format'
import type { LossMetric } from '../ui/losses'

/** A value of the metric itself: '97.3 %', '0.031'. */
export function metricText(value: number, metric: LossMetric): string {
  switch (metric) {
    case 'accuracy':
    case 'agreement':
      return formatShare(value, 1)
    case 'distance':
      return formatShare(value, value < 0.0995 ? 2 : 1)
    case 'rmse':
      return String(Number(value.toPrecision(3)))
  }
}
