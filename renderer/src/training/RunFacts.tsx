import { Progress } from '@mantine/core'
import type { ReactNode } from 'react'
import type { Job } from '../../../shared/domain'
import { formatCount, formatExact } from '../../../shared/format'
import type { TrainingRecord } from '../../../shared/training'
import { formatMetric } from './series'
import classes from './training.module.css'
import { bestText, endText, placeText, rateText, samplesText, timeText } from './words'

/** Where a run is, how fast, on what, and its best so far. */
export function RunFacts({ record, job }: { record: TrainingRecord; job: Job | null }) {
  const { best, metric, teacher } = record
  const done = record.points.at(-1)?.epoch ?? record.epochs.length
  return (
    <section className={classes.facts} aria-label="Facts of the run">
      <Fact
        label={record.ended === null ? 'Progress' : 'Trained'}
        value={placeText(record)}
        detail={
          record.ended === null ? (
            <Progress
              value={(done / Math.max(1, record.totalEpochs)) * 100}
              size={4}
              color={job?.state === 'paused' ? 'var(--bt-teacher)' : undefined}
              aria-label="Epochs done"
              mt={5}
            />
          ) : (
            endText(record)
          )
        }
      />
      <Fact
        label={`Best ${metric.title.toLowerCase()}`}
        value={best ? formatMetric(record, best.metric) : '–'}
        detail={
          best
            ? `${bestText(best)}${teacher === null ? '' : `; teacher ${formatMetric(record, teacher)}`}`
            : record.samples.validation === 0
              ? 'no validation samples'
              : 'after the first epoch'
        }
      />
      <Fact
        label="Time"
        value={timeText(record, job)}
        detail={`${rateText(record)} on ${deviceText(record.device)}`}
      />
      <Fact
        label="Training samples"
        value={formatExact(record.samples.train)}
        detail={`${samplesText(record)}; ${formatCount(record.trainableParameters)} trainable parameters`}
      />
    </section>
  )
}

/** Keeps a number and its unit on one line. */
function unbroken(text: string): string {
  return text.replace(/(\d) (%|k|M)(?=\W|$)/g, '$1\u00a0$2')
}

function deviceText(device: string): string {
  return device === 'cpu' ? 'the processor' : device
}

function Fact({ label, value, detail }: { label: string; value: string; detail: ReactNode }) {
  return (
    <div className={classes.fact}>
      <div className={classes.factLabel}>{label}</div>
      <div className={classes.factValue}>{value}</div>
      <div className={classes.factDetail}>{typeof detail === 'string' ? unbroken(detail) : detail}</div>
    </div>
  )
}
