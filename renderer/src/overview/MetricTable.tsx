import type { Variant } from '../../../shared/domain'
import type { Delta } from '../ui/delta'
import { DeltaBadge, MeasuredValue } from '../ui/values'
import type { MetricRow } from './metric-rows'
import classes from './overview.module.css'

interface MetricTableProps {
  rows: readonly MetricRow[]
  reference: Variant
  variant: Variant
  /** wide: whole names and intervals; middle: short names; narrow: intervals in the titles only. */
  room: 'wide' | 'middle' | 'narrow'
}

/** Metrics of reference and variant with the change between them; one column for a model alone. */
export function MetricTable({ rows, reference, variant, room }: MetricTableProps) {
  const compact = room === 'narrow'
  const alone = reference.id === variant.id
  return (
    <table className={classes.metrics}>
      <thead>
        <tr>
          <th scope="col">Metric</th>
          {!alone && (
            <th scope="col" title={reference.name}>
              {reference.name}
            </th>
          )}
          <th scope="col" title={variant.name}>
            {variant.name}
          </th>
          {!alone && <th scope="col">Change</th>}
        </tr>
      </thead>
      <tbody>
        {rows.map(row => (
          <tr key={row.metric.id}>
            <th scope="row" title={row.metric.title}>
              {room === 'wide' ? row.metric.title : capital(row.metric.short)}
            </th>
            {!alone && (
              <td>
                <MeasuredValue measured={row.reference} unit={row.metric.unit} compact />
              </td>
            )}
            <td>
              <MeasuredValue measured={row.variant} unit={row.metric.unit} compact={compact} />
            </td>
            {!alone && (
              <td>
                <ChangeCell row={row} compact={compact} />
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function ChangeCell({ row, compact }: { row: MetricRow; compact: boolean }) {
  if (row.tone === 'unknown') {
    return (
      <span className={classes.plain} title={row.how}>
        {row.change}
      </span>
    )
  }
  const text = compact && row.change === 'no difference shown' ? 'none shown' : row.change
  const delta: Delta = { text, tone: row.tone, title: row.how }
  return <DeltaBadge delta={delta} />
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
