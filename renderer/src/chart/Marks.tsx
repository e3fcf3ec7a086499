import { memo } from 'react'
import type { Axis, PlacedPoint } from './geometry'
import { project } from './scale'

interface MarksProps {
  placed: readonly PlacedPoint[]
  front: ReadonlySet<string>
  dimmed: ReadonlySet<string>
  errorBars: boolean
  x: Axis
  y: Axis
  area: { x: number; y: number; width: number; height: number }
}

/** With more points than this, only the intervals of the teacher, the front and the selection are drawn. */
const CROWD = 60

/**
 * Points and their intervals. Teacher: amber diamond. On the front: filled. Others: hollow. Knows nothing of the
 * selection, so that choosing one of hundreds draws none of them again.
 */
export const Marks = memo(function Marks(props: MarksProps) {
  const { placed, front, dimmed, errorBars } = props
  const crowded = placed.length > CROWD
  const weight = ({ point }: PlacedPoint) => (point.teacher ? 2 : 0) + (front.has(point.id) ? 1 : 0)
  const ordered = [...placed].sort((a, b) => weight(a) - weight(b))
  return (
    <g pointerEvents="none">
      {ordered.map(p => (
        <g key={p.point.id} opacity={dimmed.has(p.point.id) ? 0.22 : 1} data-point={p.point.id}>
          {errorBars && (!crowded || weight(p) > 0) && <ErrorBars {...props} p={p} />}
          <Mark p={p} onFront={front.has(p.point.id)} />
        </g>
      ))}
    </g>
  )
})

/** The selected points once more, ringed, above all others. */
export function SelectedMarks({ selection, ...props }: MarksProps & { selection: readonly string[] }) {
  const { placed, front, dimmed, errorBars } = props
  const chosen = new Set(selection)
  const crowded = placed.length > CROWD
  return (
    <g pointerEvents="none">
      {placed
        .filter(p => chosen.has(p.point.id))
        .map(p => (
          <g key={p.point.id} opacity={dimmed.has(p.point.id) ? 0.22 : 1}>
            {errorBars && crowded && <ErrorBars {...props} p={p} />}
            <circle
              cx={p.x}
              cy={p.y}
              r={9.5}
              fill="var(--bt-accent-soft)"
              stroke={colorOf(p)}
              strokeWidth={1.5}
            />
            <Mark p={p} onFront={front.has(p.point.id)} />
          </g>
        ))}
    </g>
  )
}

function colorOf({ point }: PlacedPoint): string {
  return point.teacher ? 'var(--bt-teacher)' : 'var(--bt-variant)'
}

function Mark({ p, onFront }: { p: PlacedPoint; onFront: boolean }) {
  const color = colorOf(p)
  if (p.point.teacher) {
    return (
      <rect
        x={p.x - 5}
        y={p.y - 5}
        width={10}
        height={10}
        rx={1.5}
        transform={`rotate(45 ${p.x} ${p.y})`}
        fill={color}
        stroke="var(--bt-panel)"
        strokeWidth={1.5}
      />
    )
  }
  return onFront ? (
    <circle cx={p.x} cy={p.y} r={5.5} fill={color} stroke="var(--bt-panel)" strokeWidth={1.5} />
  ) : (
    <circle cx={p.x} cy={p.y} r={4.5} fill="var(--bt-panel)" stroke={color} strokeWidth={1.75} />
  )
}

interface ErrorBarsProps {
  p: PlacedPoint
  x: Axis
  y: Axis
  area: MarksProps['area']
}

function ErrorBars({ p, x, y, area }: ErrorBarsProps) {
  const bottom = area.y + area.height
  const right = area.x + area.width
  const inY = (v: number) => Math.min(bottom, Math.max(area.y, project(v, y.domain, y.log, bottom, area.y)))
  const inX = (v: number) => Math.min(right, Math.max(area.x, project(v, x.domain, x.log, area.x, right)))
  const { x: mx, y: my } = p.point
  return (
    <g stroke={colorOf(p)} strokeOpacity={0.45} strokeWidth={1.25}>
      {my.low !== undefined && my.high !== undefined && (
        <line x1={p.x} x2={p.x} y1={inY(my.low)} y2={inY(my.high)} />
      )}
      {mx.low !== undefined && mx.high !== undefined && (
        <line y1={p.y} y2={p.y} x1={inX(mx.low)} x2={inX(mx.high)} />
      )}
    </g>
  )
}
