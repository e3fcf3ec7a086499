import { Checkbox, SegmentedControl } from '@mantine/core'
import { useState } from 'react'
import { formatDuration, formatValue } from '../../../shared/format'
import { LOOK } from '../jobs/job-look'
import { useQueries } from '../store/query'
import { Panel } from '../ui/Panel'
import { Swatch } from '../ui/values'
import { CurveChart } from './CurveChart'
import { RangeControl } from './RangeControl'
import { type Run, recordOf } from './runs'
import {
  epochSpan,
  formatMetric,
  type Measure,
  metricUnit,
  type NamedRecord,
  overlay,
  runColor,
} from './series'
import classes from './training.module.css'
import { placeText, secondsTaken } from './words'

interface CompareRunsProps {
  runs: readonly Run[]
  /** Always among those compared, as the first. */
  shown: Run
}

/** Curves of several runs over one another, and what each came to. Says no winner: that takes the test samples. */
export function CompareRuns({ runs, shown }: CompareRunsProps) {
  const [others, setOthers] = useState<readonly string[]>([])
  const [by, setBy] = useState<Measure>('metric')
  const [close, setClose] = useState(false)
  const chosen = [shown, ...runs.filter(r => r.id !== shown.id && others.includes(r.id))]
  const answers = useQueries(chosen.map(recordOf))
  if (runs.length < 2) return null
  const records: NamedRecord[] = chosen.flatMap((run, i) => {
    const record = answers[i]?.data
    return record ? [{ id: run.id, name: run.name, record }] : []
  })
  const curves = overlay(records, by)
  const first = records[0]?.record
  const byMetric = by === 'metric' && first
  const toggle = (id: string) =>
    setOthers(old => (old.includes(id) ? old.filter(o => o !== id) : [...old, id]))
  return (
    <Panel
      title="Compare runs"
      actions={
        <>
          <RangeControl close={close} onChange={setClose} />
          <SegmentedControl
            aria-label="Compare by"
            value={by}
            onChange={value => setBy(value === 'loss' ? 'loss' : 'metric')}
            data={[
              { value: 'metric', label: first?.metric.title ?? 'Metric' },
              { value: 'loss', label: 'Loss' },
            ]}
          />
        </>
      }
    >
      <div className={classes.compare}>
        <CurveChart
          label="Runs over epochs"
          title={byMetric ? first.metric.title : 'Loss'}
          curves={curves}
          unit={byMetric ? metricUnit(first.metric.name) : 'number'}
          format={value => (byMetric ? formatMetric(first, value) : formatValue(value, 'number'))}
          height={214}
          epochs={Math.max(1, ...records.map(r => epochSpan(r.record)))}
          close={close}
          empty="No epoch is over yet."
        />
        <table className={classes.runs}>
          <thead>
            <tr>
              <th scope="col">Run</th>
              <th scope="col">Epochs</th>
              <th scope="col">Best</th>
              <th scope="col">Last</th>
              <th scope="col">Time</th>
            </tr>
          </thead>
          <tbody>
            {[shown, ...runs.filter(r => r.id !== shown.id)].map(run => (
              <RunRow
                key={run.id}
                run={run}
                at={records.findIndex(r => r.id === run.id)}
                record={records.find(r => r.id === run.id)}
                fixed={run.id === shown.id}
                checked={chosen.includes(run)}
                onToggle={() => toggle(run.id)}
              />
            ))}
          </tbody>
        </table>
      </div>
      {curves.left.length > 0 && (
        <p className={classes.small}>
          {curves.left.join(', ')} {curves.left.length === 1 ? 'measures' : 'measure'} something else and{' '}
          {curves.left.length === 1 ? 'is' : 'are'} not drawn.
        </p>
      )}
      <p className={classes.small}>
        Each is one run on its own validation samples, by which its best epoch was chosen: which model is
        better is told by the Overview, on the test samples.
        {by === 'loss' && ' Losses of different parts cannot be compared by their height.'}
      </p>
    </Panel>
  )
}

interface RunRowProps {
  run: Run
  /** Place among those drawn; −1 where it is not. */
  at: number
  record: NamedRecord | undefined
  fixed: boolean
  checked: boolean
  onToggle(): void
}

function RunRow({ run, at, record: named, fixed, checked, onToggle }: RunRowProps) {
  const record = named?.record
  const last = record?.epochs.at(-1)?.validation?.metric
  return (
    <tr data-off={!checked || undefined}>
      <th scope="row">
        <Checkbox
          checked={checked}
          disabled={fixed}
          onChange={onToggle}
          label={
            <span className={classes.runName} title={run.name}>
              <Swatch color={at >= 0 ? runColor(at) : 'var(--bt-border-strong)'} />
              <span className="ellipsis">{run.name}</span>
              {run.job && <span className={classes.dim}>{LOOK[run.job.state].word.toLowerCase()}</span>}
            </span>
          }
        />
      </th>
      <td>
        {record
          ? placeText(record)
              .replace(/^Epoch /, '')
              .replace(/ epochs?$/, '')
          : ''}
      </td>
      <td>{record?.best ? formatMetric(record, record.best.metric) : record ? '–' : ''}</td>
      <td>{record && last !== undefined ? formatMetric(record, last) : record ? '–' : ''}</td>
      <td>{record ? formatDuration(secondsTaken(record)) : ''}</td>
    </tr>
  )
}
