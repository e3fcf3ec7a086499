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
import type { QuantizeSearch } from '../../../shared/quantize'
import { axisTicks } from '../chart/scale'
import { DROP_TITLES, dropText, lossText } from '../ui/losses'
import { colors } from '../ui/theme'
import classes from './search.module.css'
import { defaultAxis, type SearchAxis, type TrialPoint, trialPoints } from './search-points'

const AXES: Record<SearchAxis, { title: string; format(value: number): string }> = {
  milliseconds: { title: 'Time of one sample', format: formatMs },
  sizeBytes: { title: 'Size of the file', format: formatBytes },
  macs: { title: 'MACs in 8 bits', format: value => formatShare(value, 0) },
}

const TICK = { fontSize: 11, fill: colors.dim }
const HEIGHT = 260

/** Every model that a search tried: what it costs against what it loses, what may be lost, and the best. */
export function SearchChart({ search }: { search: QuantizeSearch }) {
  const { metric, allowed, trials, best, ended, samples } = search
  const axes = useMemo(() => {
    const all = Object.keys(AXES) as SearchAxis[] // its keys are all axes
    return all.filter(a => trialPoints(search, a).length > 1)
  }, [search])
  const [picked, setPicked] = useState<SearchAxis | null>(null)
  const axis = picked ?? defaultAxis(search)
  const points = useMemo(() => trialPoints(search, axis), [search, axis])
  const { title, format } = AXES[axis]
  const chosen = trials[best]
  const kinds = [
    { name: 'loses too much', color: colors.worse, points: points.filter(p => !p.allowed && !p.best) },
    {
      name: 'within what may be lost',
      color: colors.better,
      points: points.filter(p => p.allowed && !p.best),
    },
    { name: 'the best', color: colors.accent, points: points.filter(p => p.best) },
  ]
  const lows = points.map(p => p.loss - p.interval[0])
  const highs = points.map(p => p.loss + p.interval[1])
  const low = Math.min(0, ...lows)
  const high = Math.max(allowed, ...highs)
  const air = (high - low) * 0.06 || 0.01
  const yTicks = axisTicks([low - air, high + air], false, HEIGHT / 48)
  const xs = points.map(p => p.x)
  const room = (Math.max(...xs) - Math.min(...xs)) * 0.06 || Math.abs(xs[0] ?? 1) * 0.05
  const xDomain = [Math.min(...xs) - room, Math.max(...xs) + room] as const
  return (
    <section className={classes.search} aria-label="Trials of the search">
      <div className={classes.head}>
        <span>
          {trials.length} {trials.length === 1 ? 'model' : 'models'} tried on {formatExact(samples)} samples
          {ended === 'time' && '; the time ran out'}
        </span>
        {axes.length > 1 && (
          <SegmentedControl
            aria-label="Axis"
            value={axis}
            onChange={value => setPicked(axes.find(a => a === value) ?? null)}
            data={axes.map(a => ({ value: a, label: AXES[a].title }))}
          />
        )}
      </div>
      <ResponsiveContainer width="100%" height={HEIGHT}>
        <ScatterChart margin={{ top: 10, right: 18, bottom: 16, left: 4 }} accessibilityLayer={false}>
          <CartesianGrid stroke={colors.grid} />
          <XAxis
            type="number"
            dataKey="x"
            domain={[...xDomain]}
            ticks={axisTicks(xDomain, false, 6)}
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
            domain={[low - air, high + air]}
            ticks={yTicks}
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
              return active && point ? <Tip search={search} point={point} /> : null
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
          {kinds.map(kind => (
            <Scatter
              key={kind.name}
              name={kind.name}
              data={kind.points}
              fill={kind.color}
              shape={kind.name === 'the best' ? 'star' : kind.name === 'loses too much' ? 'cross' : 'circle'}
              isAnimationActive={false}
            >
              <ErrorBar dataKey="interval" direction="y" width={3} stroke={kind.color} opacity={0.55} />
            </Scatter>
          ))}
        </ScatterChart>
      </ResponsiveContainer>
      <div className={classes.legend}>
        {kinds
          .filter(k => k.points.length > 0)
          .map(k => (
            <span key={k.name}>
              <i style={{ background: k.color }} /> {k.name}
            </span>
          ))}
        <span>
          {DROP_TITLES[metric]} upwards
          {points.length < trials.length && `; ${trials.length - points.length} were not timed`}
        </span>
      </div>
      {chosen && (
        <p className={classes.best}>
          {bestText(chosen)} {lossText(chosen.drop, metric)}; {formatShare(chosen.macs, 1)} of the
          multiplications in 8 bits.
        </p>
      )}
    </section>
  )
}

function bestText({ float, wide }: QuantizeSearch['trials'][0]): string {
  const parts = [
    ...(float.length > 0 ? [`${float.length} ${float.length === 1 ? 'layer' : 'layers'} in float`] : []),
    ...(wide.length > 0 ? [`${wide.length} in 16 bits`] : []),
  ]
  return parts.length > 0 ? `The best keeps ${parts.join(' and ')}:` : 'The best has everything in 8 bits:'
}

/** recharts hands the datum back untyped. */
function pointOf(payload: unknown): TrialPoint | null {
  return typeof payload === 'object' && payload !== null && 'trial' in payload
    ? (payload as TrialPoint)
    : null
}

function Tip({ search, point }: { search: QuantizeSearch; point: TrialPoint }) {
  const trial = search.trials[point.trial]
  if (!trial) return null
  const named = (ids: readonly string[]) => `${ids.slice(0, 4).join(', ')}${ids.length > 4 ? ', …' : ''}`
  return (
    <div className={classes.tip}>
      <strong>
        Try {point.trial + 1}
        {point.best && ', the best'}
      </strong>
      <span>{lossText(trial.drop, search.metric)}</span>
      <span>
        {trial.milliseconds !== null && `${formatMs(trial.milliseconds)}, `}
        {formatBytes(trial.sizeBytes)}, {formatShare(trial.macs, 1)} of the MACs in 8 bits
      </span>
      {trial.float.length > 0 && <span>in float: {named(trial.float)}</span>}
      {trial.wide.length > 0 && <span>16 bits: {named(trial.wide)}</span>}
    </div>
  )
}
