import { Button } from '@mantine/core'
import { Activity } from 'lucide-react'
import { useEffect } from 'react'
import type { Job, Variant } from '../../../shared/domain'
import { formatDuration, formatExact } from '../../../shared/format'
import type { QuantizeSensitivity } from '../../../shared/quantize'
import { JobInPlace } from '../jobs/JobInPlace'
import { WhatFailed } from '../jobs/WhatFailed'
import { isActive, useApp, withJob } from '../store/app'
import { useClient } from '../store/connection'
import { invalidate, type Query, useQuery } from '../store/query'
import { METRIC_TITLES } from '../ui/losses'
import { notifyError } from '../ui/notify'
import { networkOptions } from './choices'
import { changedSince } from './options'
import classes from './quantize.module.css'
import type { QuantizeForm } from './useQuantizeForm'

const KIND = 'quantize-sensitivity'

function keyOf(variant: string): string {
  return `study/quantize/sensitivity/${variant}`
}

/** What the layers of a variant lose in 8 bits, as measured last; while it is measured, those that are done. */
export function useLosses(variant: string | null): Query<QuantizeSensitivity | null> {
  return useQuery(variant === null ? null : keyOf(variant), client =>
    client.quantize.sensitivity({ variant: variant ?? '' }),
  )
}

/** How often layers are asked for while they are measured. */
const STEPS = 20

/** The newest measurement of the study; layers are asked for again whenever it got further, and when it ends. */
function useMeasuring(variant: string): Job | undefined {
  const job = useApp(s => s.jobs.find(j => j.kind === KIND && j.studyId === s.studyId))
  const mark = job && `${job.id} ${job.state} ${Math.floor(job.progress * STEPS)}`
  // biome-ignore lint/correctness/useExhaustiveDependencies: the mark says when to ask; also at first, for what was measured while nobody looked
  useEffect(() => invalidate(keyOf(variant)), [mark, variant])
  return job
}

/** Keeps what is shown of losses true while they are measured elsewhere. */
export function WatchLosses({ variant }: { variant: string }) {
  useMeasuring(variant)
  return null
}

interface MeasureLossProps {
  variant: Variant
  sensitivity: QuantizeSensitivity | null | undefined
  form: Pick<QuantizeForm, 'values' | 'fields'>
}

/** Starts measuring what each layer loses in 8 bits, shows how far it is, and how it was measured. */
export function MeasureLoss({ variant, sensitivity, form }: MeasureLossProps) {
  const client = useClient()
  const job = useMeasuring(variant.id)

  async function measure() {
    try {
      const made = await client.quantize.measure({
        variant: variant.id,
        options: networkOptions(form.values),
      })
      useApp.setState(s => ({ jobs: s.jobs.some(j => j.id === made.id) ? s.jobs : withJob(s.jobs, made) }))
    } catch (error) {
      notifyError(error)
    }
  }

  if (job && isActive(job)) return <JobInPlace job={job} />
  const failed = job?.state === 'failed' ? job.error : null
  const other = sensitivity ? changedSince(form.fields, sensitivity.options, form.values) : []
  return (
    <div className={classes.measuring}>
      {failed ? (
        <WhatFailed error={failed} />
      ) : (
        sensitivity && (
          <span
            className={`${classes.hint} ellipsis`}
            title={`Each layer alone in 8 bits, ranges from ${formatExact(sensitivity.calibrated)} samples, in ${formatDuration(sensitivity.seconds)}${other.length > 0 ? `; with other choices of: ${other.join(', ')}` : ''}`}
          >
            {METRIC_TITLES[sensitivity.metric]} on {formatExact(sensitivity.samples)} samples
          </span>
        )
      )}
      <Button
        size="compact-sm"
        variant={sensitivity && other.length === 0 ? 'default' : 'light'}
        leftSection={<Activity size={13} aria-hidden />}
        onClick={() => void measure()}
      >
        {sensitivity ? 'Measure again' : 'Measure sensitivity'}
      </Button>
    </div>
  )
}
