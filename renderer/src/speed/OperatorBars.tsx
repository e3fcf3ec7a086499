import { Bar, BarChart, CartesianGrid, ResponsiveContainer, Tooltip, XAxis, YAxis } from 'recharts'
import { formatMs } from '../../../shared/format'
import { X_TITLE_ROOM, xTitle } from '../ui/axis-title'
import { colors } from '../ui/theme'
import { Swatch } from '../ui/values'
import classes from './speed.module.css'
import type { OperatorTime } from './speed-view'

interface OperatorBarsProps {
  rows: readonly OperatorTime[]
  /** Names of the two, for the legend and the tooltip; the variant's alone where the two are one. */
  reference: string | null
  variant: string
}

const ROW = 34
const LABEL = 136

/** Time per operator as horizontal bars, both models on one scale. */
export function OperatorBars({ rows, reference, variant }: OperatorBarsProps) {
  // A model shown alone is the teacher.
  const own = reference === null ? colors.teacher : colors.variant
  return (
    <div>
      <div className={classes.legend}>
        {reference !== null && <Key color={colors.teacher}>{reference}</Key>}
        <Key color={own}>{variant}</Key>
      </div>
      <ResponsiveContainer width="100%" height={rows.length * ROW + 36 + X_TITLE_ROOM}>
        <BarChart
          data={[...rows]}
          layout="vertical"
          barGap={1}
          barCategoryGap="22%"
          margin={{ top: 6, right: 16, bottom: 0, left: 0 }}
        >
          <CartesianGrid horizontal={false} stroke={colors.grid} />
          <XAxis
            type="number"
            tickFormatter={axisTime}
            tick={{ fill: colors.dim, fontSize: 11 }}
            stroke={colors.border}
            tickLine={false}
            tickCount={4}
            height={30 + X_TITLE_ROOM}
            label={xTitle('Time in one profiled run')}
          />
          <YAxis
            type="category"
            dataKey="op"
            width={LABEL}
            interval={0}
            tick={{ fill: colors.text, fontSize: 11.5 }}
            tickFormatter={shortened}
            stroke={colors.border}
            tickLine={false}
          />
          <Tooltip
            isAnimationActive={false}
            cursor={{ fill: colors.hover, opacity: 0.5 }}
            content={({ active, payload }) => {
              const row = operatorOf(payload?.[0]?.payload)
              return active && row ? <Tip row={row} reference={reference} variant={variant} /> : null
            }}
          />
          {reference !== null && (
            <Bar
              dataKey="reference"
              fill={colors.teacher}
              isAnimationActive={false}
              radius={[0, 2, 2, 0]}
              barSize={10}
            />
          )}
          <Bar dataKey="variant" fill={own} isAnimationActive={false} radius={[0, 2, 2, 0]} barSize={10} />
        </BarChart>
      </ResponsiveContainer>
    </div>
  )
}

function Key({ color, children }: { color: string; children: string }) {
  return (
    <span>
      <Swatch color={color} />
      {children}
    </span>
  )
}

/** recharts hands the datum back untyped. */
function operatorOf(payload: unknown): OperatorTime | null {
  return typeof payload === 'object' && payload !== null && 'op' in payload ? (payload as OperatorTime) : null
}

function Tip({ row, reference, variant }: { row: OperatorTime; reference: string | null; variant: string }) {
  return (
    <div className={classes.tip}>
      <strong>{row.op}</strong>
      {reference !== null && <Side name={reference} us={row.reference} count={row.referenceCount} />}
      <Side name={variant} us={row.variant} count={row.variantCount} />
    </div>
  )
}

function Side({ name, us, count }: { name: string; us: number; count: number }) {
  return (
    <div>
      <span className={classes.dim}>{name}:</span>{' '}
      {count === 0 ? 'none' : `${formatMs(us / 1000)} in ${count} ${count === 1 ? 'node' : 'nodes'}`}
    </div>
  )
}

function axisTime(us: number): string {
  return us === 0 ? '0' : formatMs(us / 1000)
}

function shortened(op: string): string {
  return op.length > 26 ? `${op.slice(0, 25)}…` : op
}
