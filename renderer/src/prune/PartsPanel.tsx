import { ActionIcon, Button, SegmentedControl, Tooltip } from '@mantine/core'
import { RotateCcw, Undo2, Workflow } from 'lucide-react'
import { type ReactNode, useMemo } from 'react'
import type { PrunePreview } from '../../../shared/prune'
import { shortcutKeys } from '../actions/keyboard'
import type { Trial } from '../store/trial'
import { settled, undone } from '../ui/history'
import { LoadingLines } from '../ui/Loading'
import { ChangesTable } from './ChangesTable'
import { LeftAlone } from './LeftAlone'
import { MeasureSensitivity, useSensitivity } from './MeasureSensitivity'
import { PartsChart } from './PartsChart'
import { partsOf } from './parts'
import classes from './prune.module.css'
import type { PruneFormState } from './usePruneForm'
import { cleared, withWidth } from './widths'

/** The focus comes back to it. */
export const GRAPH_BUTTON = 'prune-on-the-graph'

export const VIEWS = ['layers', 'changes', 'notes'] as const
export type View = (typeof VIEWS)[number]

interface PartsPanelProps {
  form: PruneFormState
  trial: Trial<PrunePreview>
  view: View
  onView(view: View): void
  onGraph(): void
}

/** The plan part by part: on the chart where shares can be dragged, as a table, and what it leaves alone. */
export function PartsPanel({ form, trial, view, onView, onGraph }: PartsPanelProps) {
  const { parent, structured, widths, changeWidths, shape } = form
  const query = useSensitivity(structured && form.data ? parent.id : null)
  const sensitivity = structured ? query.data : undefined
  const preview = trial.answer
  const parts = useMemo(
    () => partsOf({ technique: shape.technique, preview, sensitivity, widths: widths.now }),
    [shape.technique, preview, sensitivity, widths.now],
  )
  const edit = useMemo(
    () => ({
      keep: (id: string, keep: number | null) => changeWidths(old => withWidth(old, id, keep)),
      settle: () => changeWidths(settled),
    }),
    [changeWidths],
  )
  const alone = preview ? preview.declined.length : 0
  const least = typeof form.values.least === 'number' ? form.values.least : 0.1
  return (
    <section className={classes.parts} aria-label="Plan" data-stale={trial.stale || undefined}>
      <div className={classes.partsHead}>
        <SegmentedControl
          aria-label="View of the plan"
          value={view}
          onChange={value => onView(VIEWS.find(v => v === value) ?? 'layers')}
          data={[
            { value: 'layers', label: structured ? 'Sensitivity' : 'Layers' },
            { value: 'changes', label: 'Table' },
            { value: 'notes', label: alone > 0 ? `Left alone (${alone})` : 'Notes' },
          ]}
        />
        <Button
          id={GRAPH_BUTTON}
          size="compact-sm"
          variant="default"
          leftSection={<Workflow size={13} aria-hidden />}
          disabled={!preview}
          onClick={onGraph}
        >
          On the graph
        </Button>
        <div className={classes.push} />
        {structured && view === 'layers' && (
          <>
            <MeasureSensitivity
              variant={parent}
              sensitivity={sensitivity}
              hasData={form.data}
              importance={form.values.importance}
            />
            <Tooltip label={`Undo (${shortcutKeys('mod+Z').join(' ')})`}>
              <ActionIcon
                size="sm"
                aria-label="Undo"
                disabled={widths.past.length === 0}
                onClick={() => changeWidths(undone)}
              >
                <Undo2 size={14} aria-hidden />
              </ActionIcon>
            </Tooltip>
            <Tooltip label="Give all shares back to the plan">
              <ActionIcon
                size="sm"
                aria-label="Reset all"
                disabled={widths.now.length === 0}
                onClick={() => changeWidths(cleared)}
              >
                <RotateCcw size={14} aria-hidden />
              </ActionIcon>
            </Tooltip>
          </>
        )}
      </div>
      <div className={classes.partsBody}>
        <Body trial={trial} waiting={parts.length === 0}>
          {view === 'layers' && (
            <PartsChart
              parts={parts}
              whole={preview?.before.macs ?? 0}
              sensitivity={sensitivity ?? null}
              least={least}
              onKeep={structured ? edit.keep : null}
              onSettle={edit.settle}
            />
          )}
          {view === 'changes' && <ChangesTable parts={parts} />}
          {view === 'notes' && preview && <LeftAlone preview={preview} />}
        </Body>
      </div>
      <p className={classes.hint}>
        {structured && view === 'layers' && parts.length > 0
          ? sensitivity
            ? 'Each was measured alone: together they cost more. Grey: no loss shown. Drag to choose a share, double-click to give it back.'
            : 'Drag a handle to choose how much of a layer stays, double-click to give it back to the plan.'
          : ' '}
      </p>
    </section>
  )
}

function Body({
  trial,
  waiting,
  children,
}: {
  trial: Trial<PrunePreview>
  waiting: boolean
  children: ReactNode
}) {
  if (!trial.answer && waiting) {
    return trial.asking ? (
      <div className={classes.waiting}>
        <LoadingLines lines={6} />
      </div>
    ) : (
      <p className={`${classes.hint} ${classes.waiting}`}>There is no plan yet.</p>
    )
  }
  return children
}
