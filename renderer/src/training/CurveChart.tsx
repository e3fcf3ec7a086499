import {
  CartesianGrid,
  Line as Curve,
  LineChart,
  ReferenceDot,
  ReferenceLine,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from 'recharts'
import type { Metric } from '../../../shared/metrics'
import { axisDomain, axisTicks, tickText } from '../chart/scale'
import { X_TITLE_ROOM, xTitle, Y_TITLE_ROOM, yTitle } from '../ui/axis-title'
import { colors } from '../ui/theme'
import { type CurveRow, type Curves, type Line, lateValues } from './series'
import classes from './training.module.css'

interface CurveChartProps {
  label: string
  /** Of the vertical axis. */
  title: string
  curves: Curves
  unit: Metric['unit']
  /** Values as the hover card writes them. */
  format(value: number): string
  height: number
  /** Last epoch of the x axis. */
  epochs: number
  log?: boolean
  /** Shows the later values large, and cuts the first ones off. */
  close?: boolean
  /** A level drawn across. */
  level?: { value: number; name: string } | null
  /** A point that stands out. */
  mark?: { x: number; y: number; name: string } | null
  /** Shown in place of lines when there are no values yet. */
  empty: string
}

const TICK = { fontSize: 11, fill: colors.dim }
const MARGIN = { top: 10, right: 18, bottom: 0, left: 0 }

/** Curves over epochs, of a fixed height whatever comes in. */
export function CurveChart(props: CurveChartProps) {
  const {
    label,
    title,
    curves,
    unit,
    format,
    height,
    epochs,
    log = false,
    close = false,
    level,
    mark,
    empty,
  } = props
  const values = curves.rows.flatMap(row => curves.lines.flatMap(line => row[line.key] ?? []))
  if (values.length === 0) {
    return (
      <div className={classes.noCurve} style={{ height }}>
        {empty}
      </div>
    )
  }
  const logged = log && values.every(v => v > 0)
  const told = close ? lateValues(curves) : values
  const known = [...told, ...(level ? [level.value] : [])].map(value => ({ value }))
  const [low, high] = axisDomain(known, logged, false, unit)
  // No share is above one, however flat the curve.
  const share = unit === 'share' && known.every(k => k.value <= 1)
  const domain = [low, share ? Math.min(high, 1 + (1 - low) * 0.03) : high] as const
  const ticks = axisTicks(domain, logged, Math.max(2, height / 48))
  const xTicks = axisTicks([0, epochs], false, 8).filter(t => epochs > 8 || Number.isInteger(t) || epochs < 2)
  return (
    <section aria-label={label} style={{ height }}>
      <ResponsiveContainer width="100%" height={height}>
        <LineChart data={curves.rows} margin={MARGIN} accessibilityLayer={false}>
          <CartesianGrid stroke={colors.grid} />
          <XAxis
            type="number"
            dataKey="x"
            domain={[0, epochs]}
            ticks={xTicks}
            tick={TICK}
            tickLine={false}
            axisLine={{ stroke: colors.borderStrong }}
            allowDataOverflow
            height={24 + X_TITLE_ROOM}
            label={xTitle('Epoch')}
          />
          <YAxis
            type="number"
            scale={logged ? 'log' : 'linear'}
            domain={[...domain]}
            ticks={ticks}
            tickFormatter={value => tickText(Number(value), unit, ticks)}
            tick={TICK}
            tickLine={false}
            axisLine={{ stroke: colors.borderStrong }}
            allowDataOverflow
            width={54 + Y_TITLE_ROOM}
            label={yTitle(logged ? `${title} (log scale)` : title)}
          />
          <Tooltip
            isAnimationActive={false}
            cursor={{ stroke: colors.borderStrong }}
            content={({ active, payload }) => {
              const row = rowOf(payload?.[0]?.payload)
              return active && row ? (
                <Tip row={row} lines={curves.lines} format={format} level={level} />
              ) : null
            }}
          />
          {level && <ReferenceLine y={level.value} stroke={colors.teacher} strokeDasharray="5 4" />}
          {curves.lines.map(line => (
            <Curve
              key={line.key}
              dataKey={line.key}
              stroke={line.color}
              strokeWidth={line.thin ? 1.25 : 1.75}
              strokeDasharray={line.dashed ? '5 4' : undefined}
              dot={line.dots ? { r: 2.25, fill: line.color, stroke: 'none' } : false}
              activeDot={{ r: 3.5, strokeWidth: 0 }}
              connectNulls
              isAnimationActive={false}
            />
          ))}
          {mark && (
            <ReferenceDot
              x={mark.x}
              y={mark.y}
              r={5}
              fill={colors.panel}
              stroke={colors.better}
              strokeWidth={2.25}
            />
          )}
        </LineChart>
      </ResponsiveContainer>
    </section>
  )
}

/** recharts hands the datum back untyped. */
function rowOf(payload: unknown): CurveRow | null {
  return typeof payload === 'object' && payload !== null && 'x' in payload ? (payload as CurveRow) : null
}

interface TipProps {
  row: CurveRow
  lines: readonly Line[]
  format(value: number): string
  level: CurveChartProps['level']
}

function Tip({ row, lines, format, level }: TipProps) {
  const shown = lines.filter(line => row[line.key] != null)
  return (
    <div className={classes.tip}>
      <div className={classes.tipHead}>epoch {Number(row.x.toFixed(2))}</div>
      {shown.map(line => (
        <div key={line.key} className={classes.tipRow}>
          <LineMark line={line} />
          <span className="ellipsis">{line.name}</span>
          <span className="num">{format(row[line.key] ?? 0)}</span>
        </div>
      ))}
      {level && (
        <div className={classes.tipRow}>
          <LineMark line={{ key: '', name: '', color: colors.teacher, dashed: true }} />
          <span className="ellipsis">{level.name}</span>
          <span className="num">{format(level.value)}</span>
        </div>
      )}
    </div>
  )
}

/** A piece of the line itself: colour and dashes. */
export function LineMark({ line }: { line: Line }) {
  return (
    <svg width="16" height="8" aria-hidden className={classes.lineMark}>
      <line
        x1="0"
        x2="16"
        y1="4"
        y2="4"
        stroke={line.color}
        strokeWidth={line.thin ? 1.5 : 2.25}
        strokeDasharray={line.dashed ? '4 3' : undefined}
      />
    </svg>
  )
}

/** Names of the lines of a chart. */
export function Legend({ lines }: { lines: readonly Line[] }) {
  return (
    <div className={classes.legend}>
      {lines.map(line => (
        <span key={line.key} title={line.name}>
          <LineMark line={line} />
          <span className="ellipsis">{line.name}</span>
        </span>
      ))}
    </div>
  )
}
