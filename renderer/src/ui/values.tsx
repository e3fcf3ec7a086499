import { Tooltip } from '@mantine/core'
import { Minus, MoveDown, MoveUp } from 'lucide-react'
import type { Measured } from '../../../shared/domain'
import { formatMeasured, formatValue } from '../../../shared/format'
import type { Metric } from '../../../shared/metrics'
import type { Delta } from './delta'
import classes from './ui.module.css'

interface MeasuredValueProps {
  measured: Measured | undefined
  unit: Metric['unit']
  /** Without the interval, which then is in the title. */
  compact?: boolean
}

/** A number with its 95 % interval; a dash where it was not measured. */
export function MeasuredValue({ measured, unit, compact = false }: MeasuredValueProps) {
  if (!measured) {
    return (
      <span className={classes.measured} title="Not measured">
        –
      </span>
    )
  }
  const { low, high } = measured
  const hasInterval = low !== undefined && high !== undefined
  return (
    <span
      className={classes.measured}
      title={hasInterval ? `${formatMeasured(measured, unit)}, 95 % interval` : undefined}
    >
      {formatValue(measured.value, unit)}
      {hasInterval && !compact && (
        <span className={classes.interval}>
          {formatValue(low, unit)} to {formatValue(high, unit)}
        </span>
      )}
    </span>
  )
}

const ARROWS = { better: MoveUp, worse: MoveDown, uncertain: Minus } as const
const WORDS = { better: 'better', worse: 'worse', uncertain: 'no difference shown' } as const

/** A change against the reference: colour, sign and arrow (up is better) say the same thing. */
export function DeltaBadge({ delta }: { delta: Delta | null }) {
  if (!delta) return null
  const Arrow = ARROWS[delta.tone]
  return (
    <Tooltip label={delta.title}>
      <span className={classes.delta} data-tone={delta.tone}>
        <Arrow size={11} strokeWidth={2.4} aria-label={WORDS[delta.tone]} />
        {delta.text}
      </span>
    </Tooltip>
  )
}

/** The square that names a colour in a legend. */
export function Swatch({ color }: { color: string }) {
  return <span className={classes.swatch} style={{ background: color }} />
}

/** A name with a path in it, cut at its beginning where there is no room: the end tells names apart. */
export function PathText({ text }: { text: string }) {
  return (
    <span className={classes.path} title={text}>
      <bdi>{text}</bdi>
    </span>
  )
}
