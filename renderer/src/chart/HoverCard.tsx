import type { Metric } from '../../../shared/metrics'
import { teacherOf, useApp } from '../store/app'
import { techniqueTitle } from '../tree/lineage'
import { metricDelta } from '../ui/delta'
import { DeltaBadge, MeasuredValue } from '../ui/values'
import classes from './chart.module.css'
import type { PlacedPoint } from './geometry'

interface HoverCardProps {
  at: PlacedPoint
  x: Metric
  y: Metric
  area: { x: number; y: number; width: number; height: number }
}

const WIDTH = 345

/** Name, technique and both values of the point under the cursor. */
export function HoverCard({ at, x, y, area }: HoverCardProps) {
  const teacher = useApp(s => teacherOf(s.study))
  const techniques = useApp(s => s.info?.techniques)
  const { variant } = at.point
  const titles = new Map(techniques?.map(t => [t.id, t.title]))
  const leftSide = at.x + WIDTH + 24 > area.x + area.width
  const style = {
    width: WIDTH,
    left: Math.max(4, leftSide ? at.x - WIDTH - 16 : at.x + 16),
    top: Math.max(4, Math.min(at.y + 14, area.y + area.height - 96)),
  }
  return (
    <div className={classes.card} style={style} role="status">
      <div className={classes.cardTitle}>{variant.name}</div>
      <div className={classes.cardTechnique}>{techniqueTitle(variant, titles)}</div>
      {[y, x].map(metric => (
        <div key={metric.id} className={classes.cardRow}>
          <span>{metric.short}</span>
          <MeasuredValue measured={metric.read(variant)} unit={metric.unit} />
          {teacher && <DeltaBadge delta={metricDelta(variant, teacher, metric)} />}
        </div>
      ))}
    </div>
  )
}
