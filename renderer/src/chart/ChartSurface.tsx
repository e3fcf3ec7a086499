import { type KeyboardEvent, type PointerEvent, useMemo } from 'react'
import { createPortal } from 'react-dom'
import { DefaultZIndexes, usePlotArea, ZIndexLayer } from 'recharts'
import { select, useApp } from '../store/app'
import { hover, useHover } from '../store/hover'
import { useUi } from '../store/ui'
import { ConstraintHandle } from './ConstraintHandle'
import { meetsAll } from './constraints'
import type { Area, Axis, PlacedPoint } from './geometry'
import { HoverCard } from './HoverCard'
import { Labels } from './Labels'
import { Marks, SelectedMarks } from './Marks'
import { lineBoxes } from './obstacles'
import { type ChartPoint, frontPath, nearest, neighbour } from './points'
import { project } from './scale'

interface ChartSurfaceProps {
  points: readonly ChartPoint[]
  front: ReadonlySet<string>
  x: Axis
  y: Axis
  errorBars: boolean
}

const REACH = 22
const ABOVE_AXES = DefaultZIndexes.axis + 100

/** Everything inside the axes: bands, front, points, labels, limits; and all that pointer and keys do there. */
export function ChartSurface({ points, front, x, y, errorBars }: ChartSurfaceProps) {
  const area = usePlotArea()
  if (!area) return null
  return <Surface points={points} front={front} x={x} y={y} errorBars={errorBars} area={area} />
}

function Surface({ points, front, x, y, errorBars, area }: ChartSurfaceProps & { area: Area }) {
  const { x: left, y: top, width, height } = area
  const selection = useApp(s => s.selection)
  const constraints = useUi(s => s.constraints)
  const placed = useMemo(
    () =>
      points.map(point => ({
        point,
        x: project(point.x.value, x.domain, x.log, left, left + width),
        y: project(point.y.value, y.domain, y.log, top + height, top),
      })),
    [points, x.domain, x.log, y.domain, y.log, left, top, width, height],
  )
  const path = useMemo(() => {
    const at = new Map(placed.map(p => [p.point.id, p]))
    return frontPath(points, x.metric, y.metric, p => at.get(p.id) ?? { x: 0, y: 0 })
  }, [placed, points, x.metric, y.metric])
  const obstacles = useMemo(
    () => lineBoxes(placed, path, errorBars, y, area),
    [placed, path, errorBars, y, area],
  )
  const dimmed = useMemo(() => {
    if (constraints.length === 0) return NONE
    return new Set(points.filter(p => !meetsAll(p.variant, constraints)).map(p => p.id))
  }, [points, constraints])

  function pointerMove(event: PointerEvent<SVGRectElement>) {
    const box = event.currentTarget.getBoundingClientRect()
    const at = { x: left + event.clientX - box.left, y: top + event.clientY - box.top }
    hover(nearest(placed, at, REACH)?.point.id ?? null)
  }
  function click(add: boolean) {
    const id = useHover.getState().id
    if (id) select(id, add)
  }
  function key(event: KeyboardEvent) {
    const current = placed.find(p => p.point.id === useHover.getState().id) ?? null
    if (event.key.startsWith('Arrow')) {
      event.preventDefault()
      hover(neighbour(placed, current, event.key)?.point.id ?? null)
    } else if (current && (event.key === 'Enter' || event.key === ' ')) {
      event.preventDefault()
      select(current.point.id, event.key === ' ' || event.shiftKey)
    } else if (event.key === 'Escape') hover(null)
  }

  return (
    <g>
      <TeacherBand points={points} x={x} y={y} area={area} />
      <path d={path} fill="none" stroke="var(--bt-variant)" strokeOpacity={0.55} strokeWidth={1.5} />
      <Marks {...{ placed, front, dimmed, errorBars, x, y, area }} />
      <SelectedMarks {...{ placed, front, dimmed, errorBars, x, y, area, selection }} />
      <Labels
        placed={placed}
        front={front}
        selection={selection}
        dimmed={dimmed}
        obstacles={obstacles}
        area={area}
      />
      {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: the chart handles its own keys */}
      <rect
        id="tradeoff"
        role="application"
        aria-label={`Trade-off of ${x.metric.title} and ${y.metric.title}: ${points.length} variants. Arrow keys move, Enter selects, Space adds to the comparison.`}
        tabIndex={0}
        x={left}
        y={top}
        width={width}
        height={height}
        fill="transparent"
        style={{ cursor: 'crosshair' }}
        onPointerMove={pointerMove}
        onPointerLeave={() => hover(null)}
        onClick={event => click(event.shiftKey || event.ctrlKey || event.metaKey)}
        onKeyDown={key}
        onBlur={() => hover(null)}
      />
      <ZIndexLayer zIndex={ABOVE_AXES}>
        <ConstraintHandle axis={x} horizontal area={area} />
        <ConstraintHandle axis={y} horizontal={false} area={area} />
      </ZIndexLayer>
      <HoverLayer placed={placed} x={x} y={y} area={area} />
    </g>
  )
}

const NONE: ReadonlySet<string> = new Set()

/** Where the teacher's own interval lies: a point inside is not worse by more than chance moves the teacher. */
function TeacherBand({ points, x, y, area }: Pick<ChartSurfaceProps, 'points' | 'x' | 'y'> & { area: Area }) {
  const teacher = points.find(p => p.teacher)
  if (!teacher) return null
  const clampY = (v: number) => Math.min(area.y + area.height, Math.max(area.y, v))
  const clampX = (v: number) => Math.min(area.x + area.width, Math.max(area.x, v))
  const inY = (v: number) => clampY(project(v, y.domain, y.log, area.y + area.height, area.y))
  const inX = (v: number) => clampX(project(v, x.domain, x.log, area.x, area.x + area.width))
  const { low, high } = teacher.y
  // At the end where the teacher is not.
  const onLeft = inX(teacher.x.value) > area.x + area.width / 2
  const across = teacher.x
  return (
    <g pointerEvents="none">
      {low !== undefined && high !== undefined && (
        <>
          <rect
            x={area.x}
            width={area.width}
            y={inY(high)}
            height={Math.max(0, inY(low) - inY(high))}
            fill="var(--bt-band)"
          />
          <text
            x={onLeft ? area.x + 14 : area.x + area.width - 14}
            y={Math.max(inY(high) + 13, area.y + 12)}
            textAnchor={onLeft ? 'start' : 'end'}
            fontSize={10}
            fill="var(--bt-teacher)"
          >
            teacher’s 95 % interval
          </text>
        </>
      )}
      {across.low !== undefined && across.high !== undefined && (
        <rect
          y={area.y}
          height={area.height}
          x={inX(across.low)}
          width={Math.max(0, inX(across.high) - inX(across.low))}
          fill="var(--bt-band)"
        />
      )}
    </g>
  )
}

function HoverLayer({
  placed,
  x,
  y,
  area,
}: {
  placed: readonly PlacedPoint[]
  x: Axis
  y: Axis
  area: Area
}) {
  const id = useHover(s => s.id)
  const at = id === null ? undefined : placed.find(p => p.point.id === id)
  if (!at) return null
  const host = document.getElementById('chart-overlay')
  return (
    <g pointerEvents="none">
      <line
        x1={at.x}
        x2={at.x}
        y1={at.y}
        y2={area.y + area.height}
        stroke="var(--bt-border-strong)"
        strokeDasharray="2 3"
      />
      <line
        x1={area.x}
        x2={at.x}
        y1={at.y}
        y2={at.y}
        stroke="var(--bt-border-strong)"
        strokeDasharray="2 3"
      />
      <circle cx={at.x} cy={at.y} r={9} fill="none" stroke="var(--bt-text)" strokeWidth={1.5} />
      {host && createPortal(<HoverCard at={at} x={x.metric} y={y.metric} area={area} />, host)}
    </g>
  )
}
