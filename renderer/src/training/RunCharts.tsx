import { SegmentedControl } from '@mantine/core'
import { useMemo, useState } from 'react'
import { formatValue } from '../../../shared/format'
import type { TrainingRecord } from '../../../shared/training'
import { Panel } from '../ui/Panel'
import { colors } from '../ui/theme'
import { CurveChart, Legend } from './CurveChart'
import { RangeControl } from './RangeControl'
import { epochSpan, formatMetric, lossCurves, metricCurves, metricUnit, rateCurves } from './series'
import classes from './training.module.css'
import { bestText } from './words'

const HEIGHT = 224

function number(value: number): string {
  return formatValue(value, 'number')
}

/** Loss with its parts, validation beside the teacher's, learning rate. */
export function RunCharts({ record }: { record: TrainingRecord }) {
  const [log, setLog] = useState(false)
  const [close, setClose] = useState(false)
  const loss = useMemo(() => lossCurves(record), [record])
  const metric = useMemo(() => metricCurves(record), [record])
  const rate = useMemo(() => rateCurves(record), [record])
  const epochs = epochSpan(record)
  const { best, teacher } = record
  const title = record.metric.title
  return (
    <div className={classes.charts}>
      <Panel
        title="Loss"
        actions={
          <SegmentedControl
            aria-label="Scale of the loss"
            value={log ? 'log' : 'linear'}
            onChange={value => setLog(value === 'log')}
            data={[
              { value: 'linear', label: 'Linear' },
              { value: 'log', label: 'Log' },
            ]}
          />
        }
      >
        <Legend lines={loss.lines} />
        <CurveChart
          label="Loss over epochs"
          title="Loss"
          curves={loss}
          unit="number"
          format={number}
          height={HEIGHT}
          epochs={epochs}
          log={log}
          empty="The first steps are under way."
        />
      </Panel>
      <Panel
        title={`Validation ${title.toLowerCase()}`}
        actions={<RangeControl close={close} onChange={setClose} />}
      >
        <Legend
          lines={[
            ...metric.lines,
            ...(teacher === null
              ? []
              : [{ key: 'teacher', name: 'teacher', color: colors.teacher, dashed: true }]),
            ...(best ? [{ key: 'best', name: `best: ${bestText(best)}`, color: colors.better }] : []),
          ]}
        />
        <CurveChart
          label={`${title} over epochs`}
          title={title}
          curves={metric}
          unit={metricUnit(record.metric.name)}
          format={value => formatMetric(record, value)}
          height={HEIGHT}
          epochs={epochs}
          close={close}
          level={teacher === null ? null : { value: teacher, name: 'teacher' }}
          mark={best && { x: best.epoch, y: best.metric, name: 'best' }}
          empty={
            record.samples.validation === 0
              ? 'No samples were held out: the last epoch is kept, and there is nothing to choose it by.'
              : 'The first epoch is under way.'
          }
        />
      </Panel>
      <Panel title="Learning rate">
        <CurveChart
          label="Learning rate over epochs"
          title="Rate"
          curves={rate}
          unit="number"
          format={number}
          height={140}
          epochs={epochs}
          empty="The first steps are under way."
        />
      </Panel>
    </div>
  )
}
