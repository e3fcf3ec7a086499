import { Button, Select } from '@mantine/core'
import { Activity } from 'lucide-react'
import { useMemo } from 'react'
import type { TrainingRecord } from '../../../shared/training'
import { CancelConfirm } from '../jobs/CancelConfirm'
import { LOOK, stageOf } from '../jobs/job-look'
import { TrainingButtons } from '../jobs/TrainingButtons'
import { isActive, useApp } from '../store/app'
import { useQuery } from '../store/query'
import { chooseRun, openDialog, useUi } from '../store/ui'
import type { TabProps } from '../tab-props'
import { EmptyState } from '../ui/EmptyState'
import { ErrorNotice } from '../ui/ErrorNotice'
import { LoadingBlock } from '../ui/Loading'
import { NoteList } from '../ui/NoteList'
import { TabBody } from '../ui/TabBody'
import { CompareRuns } from './CompareRuns'
import { RunCharts } from './RunCharts'
import { RunFacts } from './RunFacts'
import { type Run, recordOf, runsOf, shownRun } from './runs'
import classes from './training.module.css'

/** How the selected variant was trained, or what trains now; curves of several runs over one another. */
export function TrainingTab({ study, variant }: TabProps) {
  const jobs = useApp(s => s.jobs)
  const chosen = useUi(s => (s.run?.variant === variant.id ? s.run.run : null))
  const runs = useMemo(() => runsOf(study, jobs), [study, jobs])
  const run = shownRun(runs, jobs, chosen, variant)
  return (
    <TabBody label="Training">
      {run ? (
        <>
          <RunBar run={run} runs={runs} onChoose={id => chooseRun(variant.id, id)} />
          <RunView key={run.id} run={run} />
          <CompareRuns runs={runs} shown={run} />
        </>
      ) : (
        <Nothing
          parent={variant.id}
          known={runs}
          name={variant.name}
          onChoose={id => chooseRun(variant.id, id)}
        />
      )}
    </TabBody>
  )
}

interface RunBarProps {
  run: Run
  runs: readonly Run[]
  onChoose(id: string): void
}

function stateOf(run: Run): string {
  if (!run.job) return ''
  return ` (${LOOK[run.job.state].word.toLowerCase()})`
}

/** Which run is shown, and what can be done with it. */
function RunBar({ run, runs, onChoose }: RunBarProps) {
  const job = run.job
  const { key, fetch } = recordOf(run)
  const record = useQuery(key, fetch).data
  // What follows the training, its proof and measurement, can only be cancelled.
  const over = record?.ended != null
  return (
    <div className={classes.bar}>
      <Select
        aria-label="Run"
        data={runs.map(r => ({ value: r.id, label: `${r.name}${stateOf(r)}` }))}
        value={run.id}
        onChange={id => id && onChoose(id)}
        allowDeselect={false}
        searchable={runs.length > 8}
        className={classes.runSelect}
      />
      {job && (
        <span className={`${classes.stage} ellipsis`} role="status">
          {job.state === 'failed' ? 'Failed' : job.state === 'cancelled' ? 'Cancelled' : stageOf(job)}
        </span>
      )}
      {job && isActive(job) && (
        <div className={classes.barButtons}>
          {!over && <TrainingButtons job={job} />}
          <CancelConfirm job={job}>
            {click => (
              <Button size="compact-xs" variant="default" onClick={click}>
                Cancel
              </Button>
            )}
          </CancelConfirm>
        </div>
      )}
    </div>
  )
}

function RunView({ run }: { run: Run }) {
  const { key, fetch } = recordOf(run)
  const query = useQuery<TrainingRecord | null>(key, fetch)
  const { data } = query
  return (
    <>
      {run.job?.error && <ErrorNotice error={run.job.error} />}
      {query.error && <ErrorNotice error={query.error} />}
      {data === undefined && !query.error && (
        <>
          <LoadingBlock height={64} />
          <LoadingBlock height={280} />
        </>
      )}
      {data === null && (
        <div className={classes.waiting} role="status">
          {run.job
            ? run.job.state === 'queued'
              ? 'The curves begin with the first step. This run waits for the jobs before it.'
              : isActive(run.job)
                ? 'The curves begin with the first step: the student and the data are being prepared.'
                : 'It ended before its first step.'
            : 'No curves were kept for this variant.'}
        </div>
      )}
      {data && (
        <>
          <RunFacts record={data} job={run.job} />
          {data.notes.length > 0 && (
            <NoteList
              notes={data.notes.map(message => ({ code: message, severity: 'info' as const, message }))}
              max={5}
            />
          )}
          <RunCharts record={data} />
        </>
      )}
    </>
  )
}

interface TrainButtonProps {
  technique: string
  parent: string
  primary?: boolean
}

/** Opens the dialog of a technique that trains; nothing where the engine does not know it. */
function TrainButton({ technique, parent, primary = false }: TrainButtonProps) {
  const title = useApp(s => s.info?.techniques.find(t => t.id === technique)?.title)
  if (title === undefined) return null
  return (
    <Button
      variant={primary ? 'filled' : 'default'}
      onClick={() => openDialog({ kind: 'train', technique, parent })}
    >
      {title}…
    </Button>
  )
}

interface NothingProps {
  parent: string
  known: readonly Run[]
  name: string
  onChoose(id: string): void
}

function Nothing({ parent, known, name, onChoose }: NothingProps) {
  return (
    <EmptyState
      icon={Activity}
      title={`${name} was not trained here`}
      actions={
        <div className={classes.emptyActions}>
          <TrainButton technique="distill.student" parent={parent} primary />
          <TrainButton technique="train.labels" parent={parent} />
          {known.length > 0 && (
            <Select
              aria-label="Run"
              placeholder="Show another run"
              data={known.map(r => ({ value: r.id, label: `${r.name}${stateOf(r)}` }))}
              onChange={id => id && onChoose(id)}
              w={190}
            />
          )}
        </div>
      }
    >
      Distillation trains a smaller student to answer as its teacher does, with labels or without; fine-tuning
      goes on training a model on labels. Loss, validation and speed appear here while they run.
    </EmptyState>
  )
}
