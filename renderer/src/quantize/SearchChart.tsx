import { SegmentedControl } from '@mantine/core'
import { useMemo, useState } from 'react'
import {
  CartesianGrid,
  ErrorBar,
  ReferenceLine,
  ResponsiveContainer,
  Scatter,
  ScatterChart,
  Tooltip,
  XAxis,
  YAxis,
} from 'recharts'
import { formatBytes, formatExact, formatMs, formatShare } from '../../../shared/format'
import { axisTicks } from '../chart/scale'
import { DROP_TITLES, dropText, lossText } from '../ui/losses'
import { colors } from '../ui/theme'
import { SearchTip } from './SearchTip'
import classes from './search.module.css'
import {
  bestSoFar,
  defaultAxis,
  isFarApart,
  lossRange,
  type SearchAxis,
  type Searched,
  type TrialPoint,
  trialPoints,
} from './search-points'
import { trialText } from './trial-words'

const AXES: Record<SearchAxis, { title: string; short: string; format(value: number): string }> = {
  order: { title: 'Trial', short: 'Trial', format: String },
  milliseconds: { title: 'Time of one sample', short: 'Time', format: formatMs },
  sizeBytes: { title: 'Size of the file', short: 'Size', format: formatBytes },
  macs: { title: 'MACs in 8 bits', short: 'MACs in 8 bits', format: value => formatShare(value, 0) },
}

const TICK = { fontSize: 11, fill: colors.dim }
const HEIGHT = 260
/** Trials that the axis has room for from the beginning. */
const FEWEST = 12

interface SearchChartProps {
  search: Searched
  /** Begins with the trials in their order, which only grow to the right, instead of by what they cost. */
  inOrder?: boolean
}

/** Every model that a search tried: what it costs against what it loses, what may be lost, and the best. */
export function SearchChart({ search, inOrder = false }: SearchChartProps) {
  const { metric, allowed, trials, ended, samples } = search
  const axes = useMemo(() => {
    const all = Object.keys(AXES) as SearchAxis[] // its keys are all axes
    return all.filter(a => inOrder || trialPoints(search, a).length > 1)
  }, [search, inOrder])
  const [picked, setPicked] = useState<SearchAxis | null>(null)
  const [near, setNear] = useState(false)
  const axis = picked ?? (inOrder ? 'order' : defaultAxis(search))
  const points = useMemo(() => trialPoints(search, axis), [search, axis])
  const far = isFarApart(search, points)
  const yDomain = lossRange(search, points, near && far)
  const xDomain = xRange(points, axis)
  const above = points.filter(p => p.loss > yDomain[1]).length
  const line = axis === 'order' ? bestSoFar(search) : []
  const { title, format } = AXES[axis]
  const kinds = kindsOf(points)
  return (
    <section className={classes.search} aria-label="Trials of the search">
      <div className={classes.head}>
        <span>
          {trials.length} {trials.length === 1 ? 'model' : 'models'} tried on {formatExact(samples)} samples
          {ended === 'time' && '; it ended before everything was tried'}
        </span>
        <div className={classes.controls}>
          {far && (
            <SegmentedControl
              aria-label="Range of losses"
              value={near ? 'near' : 'all'}
              onChange={value => setNear(value === 'near')}
              data={[
                { value: 'all', label: 'All' },
                { value: 'near', label: 'Near the limit' },
              ]}
            />
          )}
          {axes.length > 1 && (
            <SegmentedControl
              aria-label="Axis"
              value={axis}
              onChange={value => setPicked(axes.find(a => a === value) ?? null)}
              data={axes.map(a => ({ value: a, label: AXES[a].short }))}
            />
          )}
        </div>
      </div>
      <ResponsiveContainer width="100%" height={HEIGHT}>
        <ScatterChart margin={{ top: 10, right: 18, bottom: 16, left: 4 }} accessibilityLayer={false}>
          <CartesianGrid stroke={colors.grid} />
          <XAxis
            type="number"
            dataKey="x"
            domain={[...xDomain]}
            ticks={axisTicks(xDomain, false, 6).filter(t => axis !== 'order' || Number.isInteger(t))}
            tickFormatter={value => format(Number(value))}
            tick={TICK}
            tickLine={false}
            axisLine={{ stroke: colors.borderStrong }}
            label={{ value: title, position: 'bottom', offset: 0, fontSize: 11, fill: colors.dim }}
            height={32}
          />
          <YAxis
            type="number"
            dataKey="loss"
            domain={[...yDomain]}
            allowDataOverflow
            ticks={axisTicks(yDomain, false, HEIGHT / 48)}
            tickFormatter={value => dropText(Number(value), metric)}
            tick={TICK}
            tickLine={false}
            axisLine={{ stroke: colors.borderStrong }}
            width={58}
          />
          <Tooltip
            isAnimationActive={false}
            cursor={false}
            content={({ active, payload }) => {
              const point = pointOf(payload?.[0]?.payload)
              return active && point ? <SearchTip search={search} point={point} /> : null
            }}
          />
          <ReferenceLine
            y={allowed}
            stroke={colors.teacher}
            strokeDasharray="5 4"
            label={{
              value: `at most ${dropText(allowed, metric)}`,
              position: 'insideBottomRight',
              fontSize: 11,
              fill: colors.teacher,
            }}
          />
          {line.length > 1 && (
            <Scatter
              data={line}
              fill={colors.accent}
              line={{ stroke: colors.accent, strokeWidth: 1.5 }}
              shape={() => <g />}
              isAnimationActive={false}
            />
          )}
          {kinds.map(kind => (
            <Scatter
              key={kind.name}
              name={kind.name}
              data={kind.points}
              fill={kind.color}
              shape={kind.shape}
              isAnimationActive={false}
            >
              <ErrorBar dataKey="interval" direction="y" width={3} stroke={kind.color} opacity={0.55} />
            </Scatter>
          ))}
        </ScatterChart>
      </ResponsiveContainer>
      <div className={classes.legend}>
        {kinds.map(k => (
          <span key={k.name} data-none={k.points.length === 0 || undefined}>
            <i style={{ background: k.color }} /> {k.name}
          </span>
        ))}
        <span>
          {DROP_TITLES[metric]} upwards
          {points.length < trials.length && `; ${trials.length - points.length} were not timed`}
          {above > 0 && `; ${above} ${above === 1 ? 'loses' : 'lose'} more than is drawn`}
        </span>
      </div>
      <p className={classes.best}>{bestText(search)}</p>
    </section>
  )
}

function bestText({ trials, best, metric }: Searched): string {
  const trial = best === null ? undefined : trials[best]
  if (!trial) return 'The first trial has everything in 8 bits.'
  return `The best has ${trialText(trial)}: ${lossText(trial.drop, metric)}; ${formatShare(trial.macs, 1)} of the multiplications in 8 bits.`
}

function kindsOf(points: readonly TrialPoint[]) {
  return [
    {
      name: 'loses too much',
      color: colors.worse,
      shape: 'cross' as const,
      points: points.filter(p => !p.allowed && !p.best),
    },
    {
      name: 'within what may be lost',
      color: colors.better,
      shape: 'circle' as const,
      points: points.filter(p => p.allowed && !p.best),
    },
    { name: 'the best', color: colors.accent, shape: 'star' as const, points: points.filter(p => p.best) },
  ]
}

function xRange(points: readonly TrialPoint[], axis: SearchAxis): readonly [number, number] {
  if (axis === 'order') return [0, Math.max(FEWEST, points.length + 1)]
  const xs = points.map(p => p.x)
  if (xs.length === 0) return [0, 1]
  const room = (Math.max(...xs) - Math.min(...xs)) * 0.06 || Math.abs(xs[0] ?? 1) * 0.05
  return [Math.min(...xs) - room, Math.max(...xs) + room]
}

/** recharts hands the datum back untyped. */
function pointOf(payload: unknown): TrialPoint | null {
  return typeof payload === 'object' && payload !== null && 'trial' in payload
    ? (payload as TrialPoint)
    : null
}
