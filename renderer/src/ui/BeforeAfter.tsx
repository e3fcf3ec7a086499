import classes from './BeforeAfter.module.css'
import { latencyWords } from './latency-words'

interface BeforeAfterProps {
  label: string
  before: number | undefined
  after: number | undefined
  format(value: number): string
  /** The label above instead of at the left. */
  tile?: boolean
}

/** '−75 %', '+3 %', 'same'. */
export function percentText(before: number, after: number): string {
  const percent = before > 0 ? Math.round((after / before - 1) * 100) : 0
  return percent === 0 ? 'same' : percent > 0 ? `+${percent} %` : `−${-percent} %`
}

/** One figure before and after, in numbers and as two bars; dots until it is known. */
export function BeforeAfter({ label, before, after, format, tile = false }: BeforeAfterProps) {
  const known = before !== undefined && after !== undefined
  const visibility = known ? undefined : 'hidden'
  const most = known ? Math.max(before, after, 1) : 1
  return (
    <div className={classes.change} data-tile={tile || undefined}>
      <span className={classes.label}>{label}</span>
      <span className={classes.text}>{known ? `${format(before)} → ${format(after)}` : '…'}</span>
      <span className={classes.percent}>{known ? percentText(before, after) : ''}</span>
      <span className={classes.bar} aria-hidden>
        <span data-side="before" style={{ width: `${((before ?? 0) / most) * 100}%`, visibility }} />
        <span data-side="after" style={{ width: `${((after ?? 0) / most) * 100}%`, visibility }} />
      </span>
    </div>
  )
}

interface SpeedAfterProps {
  /** Latency after relative to before, with its interval; null where it could not be run, undefined until known. */
  latency: { ratio: number; low: number; high: number } | null | undefined
  /** 'the teacher's time'. */
  of: string
  tile?: boolean
}

/** How much faster it runs, in words and with the interval. */
export function SpeedAfter({ latency, of, tile = false }: SpeedAfterProps) {
  return (
    <div className={classes.latency} data-tile={tile || undefined}>
      <span className={classes.label}>{tile ? 'Speed, one sample at a time' : 'Speed'}</span>
      <div>
        <div className={classes.text}>
          {latency === undefined ? '…' : latency ? latencyWords(latency) : 'could not be run'}
        </div>
        <div className={classes.detail}>
          {latency
            ? `${tile ? '' : 'expected, one sample at a time: '}${share(latency.ratio)} of ${of} (${share(latency.low)} to ${share(latency.high)})`
            : ' '}
        </div>
      </div>
    </div>
  )
}

/** The sign stays with its number. */
function share(ratio: number): string {
  return `${Math.round(ratio * 100)}\u00a0%`
}
