import { Loader } from '@mantine/core'
import { formatBytes, formatCount } from '../../../shared/format'
import type { PrunePreview } from '../../../shared/prune'
import type { Trial } from '../store/trial'
import { BeforeAfter, SpeedAfter } from '../ui/BeforeAfter'
import { ErrorNotice } from '../ui/ErrorNotice'
import classes from './prune.module.css'

interface PreviewTilesProps {
  trial: Trial<PrunePreview>
  /** The plan is searched with a stopwatch: it takes longer. */
  measured: boolean
  /** Why nothing is asked. */
  problem: string | null
  /** Opens everything the plan says. */
  onNotes(): void
}

/** Before and after in numbers, and the first thing the plan has to say. */
export function PreviewTiles({ trial, measured, problem, onNotes }: PreviewTilesProps) {
  const { answer, error, asking, stale } = trial
  const notes = answer?.notes ?? []
  return (
    <section className={classes.preview} aria-label="What the pruned model would be" aria-live="polite">
      {error && !problem ? (
        <ErrorNotice error={error} />
      ) : (
        <div className={classes.tiles} data-stale={stale || problem !== null || undefined}>
          <BeforeAfter
            label="Parameters"
            before={answer?.before.parameters}
            after={answer?.after.parameters}
            format={formatCount}
            tile
          />
          <BeforeAfter
            label="MACs"
            before={answer?.before.macs}
            after={answer?.after.macs}
            format={formatCount}
            tile
          />
          <BeforeAfter
            label="Size of the file"
            before={answer?.sizeBytes.before}
            after={answer?.sizeBytes.after}
            format={formatBytes}
            tile
          />
          <SpeedAfter latency={answer?.latency} of="the time" tile />
        </div>
      )}
      <div className={classes.says}>
        {asking ? (
          <>
            <Loader size={12} aria-hidden />
            <span role="status">{measured ? 'Planning and timing on this machine…' : 'Planning…'}</span>
          </>
        ) : (
          <span className="ellipsis" title={problem ?? notes.join('\n')}>
            {problem ?? (error ? '' : notes[0])}
          </span>
        )}
        {!asking && !problem && notes.length > 1 && (
          <button type="button" className={classes.link} onClick={onNotes}>
            and {notes.length - 1} more
          </button>
        )}
      </div>
    </section>
  )
}
