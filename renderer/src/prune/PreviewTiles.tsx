import { formatBytes, formatCount } from '../../../shared/format'
import type { PrunePreview } from '../../../shared/prune'
import type { Trial } from '../store/trial'
import { BeforeAfter, SpeedAfter } from '../ui/BeforeAfter'
import { Forecast } from '../variant/Forecast'

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
  const { answer } = trial
  return (
    <Forecast
      label="What the pruned model would be"
      trial={trial}
      problem={problem}
      asking={measured ? 'Planning and timing on this machine…' : 'Planning…'}
      notes={answer?.notes ?? []}
      onNotes={onNotes}
      columns="repeat(3, minmax(0, 1fr)) minmax(0, 1.7fr)"
    >
      <div>
        <BeforeAfter
          label="Parameters"
          before={answer?.before.parameters}
          after={answer?.after.parameters}
          format={formatCount}
          tile
        />
      </div>
      <div>
        <BeforeAfter
          label="MACs"
          before={answer?.before.macs}
          after={answer?.after.macs}
          format={formatCount}
          tile
        />
      </div>
      <div>
        <BeforeAfter
          label="Size of the file"
          before={answer?.sizeBytes.before}
          after={answer?.sizeBytes.after}
          format={formatBytes}
          tile
        />
      </div>
      <div>
        <SpeedAfter latency={answer?.latency} of="the time" tile />
      </div>
    </Forecast>
  )
}
