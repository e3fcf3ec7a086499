import { Loader } from '@mantine/core'
import type { CSSProperties, ReactNode } from 'react'
import type { Trial } from '../store/trial'
import { ErrorNotice } from '../ui/ErrorNotice'
import classes from './forecast.module.css'

interface ForecastProps {
  /** What the figures are of. */
  label: string
  trial: Pick<Trial<unknown>, 'error' | 'asking' | 'stale'>
  /** Why nothing is asked. */
  problem?: string | null
  /** Said while the engine tries. */
  asking: string
  /** What the plan says: the first is shown. */
  notes: readonly string[]
  /** Opens all of them. */
  onNotes?(): void
  /** Widths of the tiles, as columns of a grid. */
  columns: string
  /** The tiles. */
  children: ReactNode
}

/** What a step would come to, in figures a moment after each choice, and the first thing the plan has to say. */
export function Forecast(props: ForecastProps) {
  const { label, trial, problem = null, asking, notes, onNotes, columns, children } = props
  const { error } = trial
  // The columns are set by whoever has the tiles.
  const style = { '--tiles': columns } as CSSProperties
  const first = problem ?? (error ? '' : (notes[0] ?? ''))
  return (
    <section className={classes.forecast} aria-label={label} aria-live="polite" style={style}>
      {error && !problem ? (
        <ErrorNotice error={error} />
      ) : (
        <div className={classes.tiles} data-stale={trial.stale || problem !== null || undefined}>
          {children}
        </div>
      )}
      <div className={classes.says}>
        {trial.asking ? (
          <>
            <Loader size={12} aria-hidden />
            <span role="status">{asking}</span>
          </>
        ) : (
          <span className="ellipsis" title={problem ?? notes.join('\n')}>
            {first}
          </span>
        )}
        {!trial.asking && !problem && !error && notes.length > 1 && onNotes && (
          <button type="button" className={classes.link} onClick={onNotes}>
            and {notes.length - 1} more
          </button>
        )}
      </div>
    </section>
  )
}

interface FigureProps {
  label: string
  /** Dots until it is known. */
  figure: string | undefined
  detail?: string | undefined
  title?: string
  /** A loss that is shown. */
  lost?: boolean
  /** What it was before the last change. */
  was?: string | null | undefined
}

/** A tile in words. */
export function Figure({ label, figure, detail, title, lost, was }: FigureProps) {
  return (
    <div>
      <span className={classes.label}>{label}</span>
      <div className={classes.figure} data-lost={lost || undefined}>
        {figure ?? '…'}
      </div>
      <div className={classes.detail} title={title}>
        {detail ?? ' '}
      </div>
      {was !== undefined && <Was>{was}</Was>}
    </div>
  )
}

/** The same before the last change; room for it where there was none. */
export function Was({ children }: { children: string | null }) {
  return <div className={classes.was}>{children !== null && `before the last change: ${children}`}</div>
}
