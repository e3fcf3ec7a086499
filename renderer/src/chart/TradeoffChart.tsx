import { useElementSize } from '@mantine/hooks'
import { ChartScatter } from 'lucide-react'
import { memo, useMemo } from 'react'
import { CartesianGrid, Scatter, ScatterChart, XAxis, YAxis } from 'recharts'
import type { Study } from '../../../shared/domain'
import { type Metric, paretoFront } from '../../../shared/metrics'
import { ActionButton } from '../actions/ActionButton'
import { useUi } from '../store/ui'
import { X_TITLE_ROOM, xTitle, Y_TITLE_ROOM, yTitle } from '../ui/axis-title'
import { EmptyState } from '../ui/EmptyState'
import { colors } from '../ui/theme'
import { ChartSurface } from './ChartSurface'
import { ChartToolbar } from './ChartToolbar'
import classes from './chart.module.css'
import { axisMetrics, chartPoints } from './points'
import { axisDomain, axisTicks, tickText } from './scale'

const TICK = { fontSize: 11, fill: colors.dim }
const MARGIN = { top: 14, right: 26, bottom: 6, left: 10 }

/** Height in pixels from which the axes have titles. */
const TITLES_FROM = 150

function axisTitle(metric: Metric, log: boolean): string {
  return log ? `${metric.title} (log scale)` : metric.title
}

/** The trade-off: variants as points between any two metrics. Fills its parent. */
export const TradeoffChart = memo(function TradeoffChart({ study }: { study: Study }) {
  const layout = useUi(s => s.layout)
  const { ref, width, height } = useElementSize()
  const { xMetric, yMetric, errorBars } = layout
  const { x, y, choices } = useMemo(
    () => axisMetrics(study.variants, { x: xMetric, y: yMetric }),
    [study.variants, xMetric, yMetric],
  )
  const points = useMemo(() => chartPoints(study.variants, x, y), [study.variants, x, y])
  const front = useMemo(
    () =>
      new Set(
        paretoFront(
          points.map(p => p.variant),
          x,
          y,
        ),
      ),
    [points, x, y],
  )
  const xLog = layout.xLog && points.every(p => p.x.value > 0)
  const yLog = layout.yLog && points.every(p => p.y.value > 0)
  const xDomain = useMemo(
    () =>
      axisDomain(
        points.map(p => p.x),
        xLog,
        errorBars,
        x.unit,
      ),
    [points, xLog, errorBars, x],
  )
  const yDomain = useMemo(
    () =>
      axisDomain(
        points.map(p => p.y),
        yLog,
        errorBars,
        y.unit,
      ),
    [points, yLog, errorBars, y],
  )
  const xTicks = useMemo(() => axisTicks(xDomain, xLog, Math.max(3, width / 110)), [xDomain, xLog, width])
  const yTicks = useMemo(() => axisTicks(yDomain, yLog, Math.max(3, height / 60)), [yDomain, yLog, height])

  // Where there is hardly room for the points, the choices above say what the axes are.
  const titled = height >= TITLES_FROM
  return (
    <>
      <ChartToolbar study={study} x={x} y={y} choices={choices} shown={points.length} />
      <div ref={ref} className={classes.plot}>
        {points.length === 0 && (
          <EmptyState
            icon={ChartScatter}
            title="Nothing to plot yet"
            actions={<ActionButton id="measure-missing" variant="light" />}
          >
            No variant has both {x.title.toLowerCase()} and {y.title.toLowerCase()}. Measure them, or choose
            other axes above.
          </EmptyState>
        )}
        {points.length > 0 && width > 0 && height > 0 && (
          <ScatterChart
            width={width}
            height={height}
            margin={MARGIN}
            accessibilityLayer={false}
            style={{ outline: 'none' }}
          >
            <CartesianGrid stroke={colors.grid} />
            <XAxis
              type="number"
              dataKey="x.value"
              scale={xLog ? 'log' : 'linear'}
              domain={[...xDomain]}
              ticks={xTicks}
              tickFormatter={value => tickText(Number(value), x.unit, xTicks)}
              tick={TICK}
              tickLine={false}
              axisLine={{ stroke: colors.borderStrong }}
              allowDataOverflow
              height={30 + (titled ? X_TITLE_ROOM : 0)}
              label={titled ? xTitle(axisTitle(x, xLog)) : undefined}
              interval="preserveStartEnd"
            />
            <YAxis
              type="number"
              dataKey="y.value"
              scale={yLog ? 'log' : 'linear'}
              domain={[...yDomain]}
              ticks={yTicks}
              tickFormatter={value => tickText(Number(value), y.unit, yTicks)}
              tick={TICK}
              tickLine={false}
              axisLine={{ stroke: colors.borderStrong }}
              allowDataOverflow
              width={62 + (titled ? Y_TITLE_ROOM : 0)}
              label={titled ? yTitle(axisTitle(y, yLog)) : undefined}
            />
            <Scatter data={EXTENT} isAnimationActive={false} shape={NOTHING} />
            <ChartSurface
              points={points}
              front={front}
              x={{ metric: x, domain: xDomain, log: xLog }}
              y={{ metric: y, domain: yDomain, log: yLog }}
              errorBars={errorBars}
            />
          </ScatterChart>
        )}
        <div id="chart-overlay" className={classes.overlay} />
      </div>
    </>
  )
})

// The points are drawn by ChartSurface, in one layer that renders only when they change: hovering stays cheap
// with hundreds of variants. The axes' domains are given, so that the chart itself needs no data.
const EXTENT: { x: { value: number }; y: { value: number } }[] = []
function NOTHING() {
  return <g />
}
