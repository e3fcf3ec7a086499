import { ActionIcon, Tooltip } from '@mantine/core'
import { RotateCcw } from 'lucide-react'
import { memo } from 'react'
import { formatCount, formatExact, formatMs, formatShare } from '../../../shared/format'
import type { PruneSensitivity, SensitivityPoint } from '../../../shared/prune'
import { dropColor, dropText, isShown, level } from '../ui/losses'
import classes from './chart.module.css'
import { dropAt } from './drops'
import { KeepSlider } from './KeepSlider'
import { keepOf, type Part } from './parts'
import { KIND_TITLES } from './words'

type Metric = PruneSensitivity['metric']

interface PartRowProps {
  part: Part
  /** MACs of the whole model. */
  whole: number
  /** The most MACs that any part frees. */
  most: number
  /** How drops are drawn; null where none were measured. */
  drops: { metric: Metric; scale: number } | null
  least: number
  top: number
  height: number
  /** Null where shares cannot be chosen. */
  onKeep: ((id: string, keep: number | null) => void) | null
  onSettle(): void
}

/** One part: its name, channels before and after, what was measured of it, the share that stays, what goes. */
export const PartRow = memo(function PartRow(props: PartRowProps) {
  const { part, whole, most, drops, least, top, height, onKeep, onSettle } = props
  const keep = keepOf(part)
  const drop = drops && dropAt(part.points, keep)
  const gone = part.frees && whole > 0 ? part.frees.macs / whole : 0
  const drawn = (
    <>
      <span className={classes.kept} style={{ width: `${keep * 100}%` }} />
      {drops && part.points.length > 0 && <Curve part={part} metric={drops.metric} scale={drops.scale} />}
    </>
  )
  return (
    <li
      className={classes.row}
      style={{ height, transform: `translateY(${top}px)` }}
      data-chosen={part.chosen !== null || undefined}
    >
      <span className={classes.name} title={`${part.nodes.join('\n')}\n${KIND_TITLES[part.kind]}`}>
        {part.label}
      </span>
      <span className={classes.size} title={KIND_TITLES[part.kind]}>
        {formatCount(part.from)} → {part.to === null ? '…' : formatCount(part.to)}
      </span>
      {onKeep ? (
        <KeepSlider part={part} least={least} onKeep={next => onKeep(part.id, next)} onSettle={onSettle}>
          {drawn}
        </KeepSlider>
      ) : (
        <div className={classes.track}>
          {drawn}
          <span className={classes.stop} style={{ left: `${keep * 100}%` }} />
        </div>
      )}
      {drops && (
        <span
          className={classes.drop}
          style={drop && isShown(drop) ? { color: dropColor(drop, drops.scale) } : undefined}
          title={drop ? dropTitle(drop, keep, drops.metric) : 'Not measured'}
        >
          {drop
            ? `${drop.beyond ? '> ' : drop.estimated ? '≈ ' : ''}${dropText(drop.value, drops.metric)}`
            : '–'}
        </span>
      )}
      <span
        className={classes.frees}
        title={
          part.frees
            ? `Frees ${formatCount(part.frees.macs)} MACs (${formatShare(gone, 1)} of the model) and ${formatCount(part.frees.parameters)} parameters${part.milliseconds === null ? '' : `, ${formatMs(part.milliseconds)}`}`
            : undefined
        }
      >
        <span
          className={classes.freesBar}
          style={{ width: `${most > 0 ? ((part.frees?.macs ?? 0) / most) * 100 : 0}%` }}
        />
        <span>{part.frees ? formatCount(part.frees.macs) : '…'}</span>
      </span>
      <span className={classes.reset}>
        {onKeep && part.chosen !== null && (
          <Tooltip label="Back to the plan">
            <ActionIcon
              size="xs"
              tabIndex={-1}
              aria-label={`Reset ${part.label}`}
              onClick={() => onKeep(part.id, null)}
            >
              <RotateCcw size={12} aria-hidden />
            </ActionIcon>
          </Tooltip>
        )}
      </span>
    </li>
  )
})

function dropTitle(drop: NonNullable<ReturnType<typeof dropAt>>, keep: number, metric: Metric): string {
  const interval = `${dropText(drop.low, metric)} to ${dropText(drop.high, metric)}`
  const how = drop.beyond
    ? 'less than any share that was measured; at least this'
    : drop.estimated
      ? 'between two shares that were measured'
      : 'measured'
  const shown = isShown(drop) ? '' : 'no loss shown: '
  return `${Math.round(keep * 100)} % kept: ${shown}${dropText(drop.value, metric)} (${interval}), ${how}`
}

/** Drops over shares kept, a little higher than the row so that the top is no edge. */
const ROOM_ABOVE = 0.86

function Curve({ part, metric, scale }: { part: Part; metric: Metric; scale: number }) {
  const height = (drop: number) => level(drop, scale) * ROOM_ABOVE
  const falling = [...part.points].sort((a, b) => b.keep - a.keep)
  return (
    <>
      <svg className={classes.curve} viewBox="0 0 1 1" preserveAspectRatio="none" aria-hidden="true">
        {falling.map((point, i) => {
          const before = falling[i - 1]
          const right = before?.keep ?? 1
          const [x0, y0] = [right, 1 - height(before?.drop.value ?? 0)]
          const [x1, y1] = [point.keep, 1 - height(point.drop.value)]
          const color = dropColor(point.drop, scale)
          return (
            <g key={point.keep}>
              <polygon points={`${x1},1 ${x1},${y1} ${x0},${y0} ${x0},1`} fill={color} opacity={0.22} />
              <line x1={x1} y1={y1} x2={x0} y2={y0} stroke={color} vectorEffect="non-scaling-stroke" />
            </g>
          )
        })}
      </svg>
      {falling.map(point => (
        <Mark key={point.keep} part={part} point={point} metric={metric} scale={scale} height={height} />
      ))}
    </>
  )
}

interface MarkProps {
  part: Part
  point: SensitivityPoint
  metric: Metric
  scale: number
  height(drop: number): number
}

function Mark({ part, point, metric, scale, height }: MarkProps) {
  const { value, low, high } = point.drop
  const color = dropColor(point.drop, scale)
  return (
    <>
      <span
        className={classes.interval}
        style={{
          left: `${point.keep * 100}%`,
          bottom: `${height(low) * 100}%`,
          height: `${(height(high) - height(low)) * 100}%`,
          background: color,
        }}
      />
      <span
        className={classes.dot}
        style={{ left: `${point.keep * 100}%`, bottom: `${height(value) * 100}%`, background: color }}
        title={`${Math.round(point.keep * 100)} % kept, ${formatExact(point.to)} of ${formatExact(part.from)}: ${isShown(point.drop) ? '' : 'no loss shown: '}${dropText(value, metric)} (${dropText(low, metric)} to ${dropText(high, metric)})`}
      />
    </>
  )
}
