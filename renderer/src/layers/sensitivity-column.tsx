import type { PruneSensitivity } from '../../../shared/prune'
import { dropScale } from '../prune/drops'
import type { Column } from '../ui/DataTable'
import { dropColor, dropText, isShown, METRIC_TITLES } from '../ui/losses'
import type { LayerRow } from './layer-rows'

/** What is lost when about half of a layer's channels go alone, by what was measured nearest to a half. */
export function sensitivityColumn(sensitivity: PruneSensitivity): Column<LayerRow> {
  const { metric, curves } = sensitivity
  const scale = dropScale(sensitivity)
  const nearest = new Map(
    curves.flatMap(curve => {
      const [point] = [...curve.points].sort((a, b) => Math.abs(a.keep - 0.5) - Math.abs(b.keep - 0.5))
      return point ? curve.nodes.map(node => [node, point] as const) : []
    }),
  )
  // A node without a name is described by the value it makes.
  const pointOf = ({ op, name }: LayerRow) => nearest.get(`${op} ${name}`) ?? nearest.get(`${op} → ${name}`)
  return {
    id: 'sensitivity',
    title: 'Sensitivity',
    width: 'minmax(5.6rem, 0.8fr)',
    align: 'right',
    value: row => pointOf(row)?.drop.value ?? null,
    render: row => {
      const point = pointOf(row)
      if (!point) return <span style={{ color: 'var(--bt-faint)' }}>–</span>
      const { value, low, high } = point.drop
      const said = `${dropText(value, metric)} (${dropText(low, metric)} to ${dropText(high, metric)})`
      return (
        <span
          style={{ color: dropColor(point.drop, scale) }}
          title={`With ${Math.round(point.keep * 100)} % kept of it alone, ${METRIC_TITLES[metric]}: ${isShown(point.drop) ? '' : 'no loss shown, '}${said}`}
        >
          {dropText(value, metric)}
        </span>
      )
    },
  }
}
