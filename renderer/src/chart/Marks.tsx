import { memo } from 'react'
import type { Axis, PlacedPoint } from './geometry'
import { project } from './scale'

interface MarksProps {
  placed: readonly PlacedPoint[]
  front: ReadonlySet<string>
  selection: readonly string[]
  dimmed: ReadonlySet<string>
  errorBars: boolean
  x: Axis
  y: Axis
  area: { x: number; y: number; width: number; height: number }
}

/** Points and their intervals. Teacher: amber diamond. On the front: filled. Others: hollow. Selected: ringed. */
export const Marks = memo(function Marks(props: MarksProps) {
  const { placed, front, selection, dimmed, errorBars, x, y, area } = props
  const chosen = new Map(selection.map((id, i) => [id, i]))
  // With very many points, intervals of all would cover the picture; those of the front and the selection stay.
  const crowded = placed.length > 60
  const ordered = [...placed].sort((a, b) => weight(a) - weight(b))
  function weight(p: PlacedPoint): number {
    return (chosen.has(p.point.id) ? 4 : 0) + (p.point.teacher ? 2 : 0) + (front.has(p.point.id) ? 1 : 0)
  }
  return (
    <g pointerEvents="none">
      {ordered.map(p => {
        const { id, teacher } = p.point
        const onFront = front.has(id)
        const order = chosen.get(id)
        const bars = errorBars && (!crowded || onFront || order !== undefined || teacher)
        const color = teacher ? 'var(--bt-teacher)' : 'var(--bt-variant)'
        return (
          <g key={id} opacity={dimmed.has(id) ? 0.22 : 1} data-point={id}>
            {bars && <ErrorBars p={p} x={x} y={y} area={area} color={color} />}
            {order !== undefined && (
              <circle
                cx={p.x}
                cy={p.y}
                r={9.5}
                fill="var(--bt-accent-soft)"
                stroke={color}
                strokeWidth={1.5}
              />
            )}
            {teacher ? (
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
            ) : onFront ? (
              <circle cx={p.x} cy={p.y} r={5.5} fill={color} stroke="var(--bt-panel)" strokeWidth={1.5} />
            ) : (
              <circle cx={p.x} cy={p.y} r={4.5} fill="var(--bt-panel)" stroke={color} strokeWidth={1.75} />
            )}
          </g>
        )
      })}
    </g>
  )
})

interface ErrorBarsProps {
  p: PlacedPoint
  x: Axis
  y: Axis
  area: MarksProps['area']
  color: string
}

function ErrorBars({ p, x, y, area, color }: ErrorBarsProps) {
  const bottom = area.y + area.height
  const right = area.x + area.width
  const inY = (v: number) => Math.min(bottom, Math.max(area.y, project(v, y.domain, y.log, bottom, area.y)))
  const inX = (v: number) => Math.min(right, Math.max(area.x, project(v, x.domain, x.log, area.x, right)))
  const { x: mx, y: my } = p.point
  return (
    <g stroke={color} strokeOpacity={0.45} strokeWidth={1.25}>
      {my.low !== undefined && my.high !== undefined && (
        <line x1={p.x} x2={p.x} y1={inY(my.low)} y2={inY(my.high)} />
      )}
      {mx.low !== undefined && mx.high !== undefined && (
        <line y1={p.y} y2={p.y} x1={inX(mx.low)} x2={inX(mx.high)} />
      )}
    </g>
  )
}
