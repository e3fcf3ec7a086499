import type { Metric } from '../../../shared/metrics'
import classes from './compare.module.css'
import type { ComparisonCell } from './comparison'

/** The difference to the base below a value. */
export function ChangeCell({
  cell,
  metric,
  loading,
}: {
  cell: ComparisonCell
  metric: Metric
  /** The tests' answers are still to come: the plain difference would only flash by. */
  loading: boolean
}) {
  if (loading || !cell.change) return <div className={classes.change}>{loading ? '…' : ' '}</div>
  const title = cell.change.tested
    ? `${metric.title}: ${cell.change.full}, 95 % interval`
    : `${metric.title}: plain difference of the two values, without a test`
  return (
    <div className={classes.change} data-tone={cell.change.tested ? cell.change.tone : 'plain'} title={title}>
      {cell.change.text}
    </div>
  )
}
