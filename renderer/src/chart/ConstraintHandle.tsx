import { type KeyboardEvent, type PointerEvent, useRef } from 'react'
import { formatValue } from '../../../shared/format'
import { setConstraint, useUi } from '../store/ui'
import { limitText } from './constraints'
import type { Axis } from './geometry'
import { project, unproject } from './scale'

interface ConstraintHandleProps {
  axis: Axis
  /** The limit is on the horizontal axis, its line vertical. */
  horizontal: boolean
  area: { x: number; y: number; width: number; height: number }
}

/**
 * The limit on one axis: a grip at the axis's bad end that can be dragged in. Past the end there is no limit.
 * Keys: arrows move by a hundredth of the axis, Delete and Backspace take the limit away.
 */
export function ConstraintHandle({ axis, horizontal, area }: ConstraintHandleProps) {
  const { metric, domain, log } = axis
  const limit = useUi(s => s.constraints.find(c => c.metric === metric.id)?.limit)
  const dragging = useRef(false)
  const [from, to] = horizontal ? [area.x, area.x + area.width] : [area.y + area.height, area.y]
  const badEnd = metric.better === 'lower' ? to : from
  const raw = limit === undefined ? badEnd : project(limit, domain, log, from, to)
  const at = Math.min(Math.max(raw, Math.min(from, to)), Math.max(from, to))
  const set = limit !== undefined

  function place(pixel: number) {
    const past =
      (metric.better === 'lower') === to > from ? pixel >= Math.max(from, to) : pixel <= Math.min(from, to)
    const inside = Math.min(Math.max(pixel, Math.min(from, to)), Math.max(from, to))
    setConstraint(metric.id, past ? null : unproject(inside, domain, log, from, to))
  }
  function drag(event: PointerEvent<SVGGElement>) {
    if (!dragging.current) return
    const svg = event.currentTarget.ownerSVGElement?.getBoundingClientRect()
    if (svg) place(horizontal ? event.clientX - svg.left : event.clientY - svg.top)
  }
  function key(event: KeyboardEvent) {
    if (event.key === 'Delete' || event.key === 'Backspace') {
      event.preventDefault()
      event.stopPropagation()
      return setConstraint(metric.id, null)
    }
    const pixels: Record<string, number> = horizontal
      ? { ArrowLeft: -1, ArrowRight: 1 }
      : { ArrowUp: -1, ArrowDown: 1 }
    const direction = pixels[event.key]
    if (direction === undefined) return
    event.preventDefault()
    place(at + direction * Math.abs(to - from) * 0.01)
  }

  // The side that is not allowed, from the line to the bad end.
  const shade = horizontal
    ? { x: Math.min(at, badEnd), y: area.y, width: Math.abs(badEnd - at), height: area.height }
    : { x: area.x, y: Math.min(at, badEnd), width: area.width, height: Math.abs(badEnd - at) }
  const middle = horizontal ? { x: at, y: area.y + area.height } : { x: area.x, y: at }
  const text = limitText(metric, limit ?? 0)
  const nearEnd = horizontal ? at > area.x + area.width - 130 : at < area.y + 20
  return (
    <g>
      {set && (
        <g pointerEvents="none">
          <rect {...shade} fill="var(--bt-uncertain-soft)" />
          <line
            x1={horizontal ? at : area.x}
            x2={horizontal ? at : area.x + area.width}
            y1={horizontal ? area.y : at}
            y2={horizontal ? area.y + area.height : at}
            stroke="var(--bt-text)"
            strokeOpacity={0.7}
            strokeWidth={1.25}
            strokeDasharray="5 3"
          />
          <text
            x={horizontal ? at + (nearEnd ? -6 : 6) : area.x + area.width - 6}
            y={horizontal ? area.y + area.height - 8 : at + (nearEnd ? 14 : -5)}
            textAnchor={horizontal && !nearEnd ? 'start' : 'end'}
            fontSize={11}
            fontWeight={600}
            fill="var(--bt-text)"
            stroke="var(--bt-panel)"
            strokeWidth={3}
            paintOrder="stroke"
          >
            {text}
          </text>
        </g>
      )}
      <g
        role="slider"
        tabIndex={0}
        aria-label={`Limit on ${metric.title}`}
        aria-orientation={horizontal ? 'horizontal' : 'vertical'}
        aria-valuemin={domain[0]}
        aria-valuemax={domain[1]}
        aria-valuenow={limit ?? (metric.better === 'lower' ? domain[1] : domain[0])}
        aria-valuetext={set ? formatValue(limit, metric.unit) : 'no limit'}
        style={{ cursor: horizontal ? 'ew-resize' : 'ns-resize', touchAction: 'none' }}
        onPointerDown={event => {
          event.currentTarget.setPointerCapture(event.pointerId)
          dragging.current = true
        }}
        onPointerMove={drag}
        onPointerUp={() => {
          dragging.current = false
        }}
        onDoubleClick={() => setConstraint(metric.id, null)}
        onKeyDown={key}
      >
        <title>
          {set
            ? `${text}: drag to change, double-click to remove`
            : `Drag to set a limit on ${metric.title.toLowerCase()}`}
        </title>
        {set && (
          <rect
            x={horizontal ? at - 6 : area.x}
            y={horizontal ? area.y : at - 6}
            width={horizontal ? 12 : area.width}
            height={horizontal ? area.height : 12}
            fill="transparent"
          />
        )}
        <rect x={middle.x - 12} y={middle.y - 12} width={24} height={24} fill="transparent" />
        <rect
          x={middle.x - (horizontal ? 4.5 : 8)}
          y={middle.y - (horizontal ? 8 : 4.5)}
          width={horizontal ? 9 : 16}
          height={horizontal ? 16 : 9}
          rx={3}
          fill={set ? 'var(--bt-text)' : 'var(--bt-raised)'}
          stroke={set ? 'var(--bt-panel)' : 'var(--bt-border-strong)'}
          strokeWidth={1.25}
        />
        <path
          d={
            horizontal
              ? `M${middle.x - 1.5},${middle.y - 3}v6M${middle.x + 1.5},${middle.y - 3}v6`
              : `M${middle.x - 3},${middle.y - 1.5}h6M${middle.x - 3},${middle.y + 1.5}h6`
          }
          stroke={set ? 'var(--bt-panel)' : 'var(--bt-dim)'}
          strokeWidth={1}
        />
      </g>
    </g>
  )
}
