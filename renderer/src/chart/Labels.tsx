import { memo, useMemo } from 'react'
import type { PlacedPoint } from './geometry'
import { type Box, placeLabels } from './labels'

interface LabelsProps {
  placed: readonly PlacedPoint[]
  front: ReadonlySet<string>
  selection: readonly string[]
  dimmed: ReadonlySet<string>
  /** Lines the names keep off. */
  obstacles: readonly Box[]
  area: { x: number; y: number; width: number; height: number }
}

const MOST = 40

function shorten(name: string): string {
  return name.length > 24 ? `${name.slice(0, 23)}…` : name
}

/** Names of the points that have room for one: selection first, then the teacher, the front, the rest. */
export const Labels = memo(function Labels({
  placed,
  front,
  selection,
  dimmed,
  obstacles,
  area,
}: LabelsProps) {
  const labels = useMemo(() => {
    const chosen = new Set(selection)
    const wishes = placed
      .filter(p => !dimmed.has(p.point.id) || chosen.has(p.point.id))
      .map(p => ({
        id: p.point.id,
        text: shorten(p.point.name),
        x: p.x,
        y: p.y,
        rank: (chosen.has(p.point.id) ? 8 : 0) + (p.point.teacher ? 4 : 0) + (front.has(p.point.id) ? 2 : 0),
      }))
      .sort((a, b) => b.rank - a.rank)
      // In a crowd only what matters is named; the rest answers to the pointer.
      .filter((w, i) => i < MOST && (placed.length <= MOST || w.rank > 0))
    const box = {
      left: area.x,
      right: area.x + area.width + 20,
      top: area.y - 10,
      bottom: area.y + area.height,
    }
    return placeLabels(wishes, placed, box, obstacles)
  }, [placed, front, selection, dimmed, obstacles, area])
  return (
    <g pointerEvents="none" fontSize={11} fontWeight={500} fill="var(--bt-text)">
      {labels.map(label => (
        <text
          key={label.id}
          x={label.x}
          y={label.y}
          textAnchor={label.anchor}
          stroke="var(--bt-panel)"
          strokeWidth={3}
          strokeLinejoin="round"
          paintOrder="stroke"
          opacity={selection.includes(label.id) ? 1 : 0.82}
        >
          {label.text}
        </text>
      ))}
    </g>
  )
})
