import { Button } from '@mantine/core'
import { Activity } from 'lucide-react'
import { useEffect, useRef } from 'react'
import type { Variant } from '../../../shared/domain'
import { formatDuration, formatExact } from '../../../shared/format'
import { IMPORTANCES, type PruneSensitivity } from '../../../shared/prune'
import { JobInPlace } from '../jobs/JobInPlace'
import { WhatFailed } from '../jobs/WhatFailed'
import { isActive, useApp, withJob } from '../store/app'
import { useClient } from '../store/connection'
import { invalidate, type Query, useQuery } from '../store/query'
import { METRIC_TITLES } from '../ui/losses'
import { notifyError } from '../ui/notify'
import classes from './prune.module.css'
import { CHOICES } from './words'

function keyOf(variant: string): string {
  return `study/prune/sensitivity/${variant}`
}

/** The sensitivities that were measured last of a variant; null where none were, or the engine has no data. */
export function useSensitivity(variant: string | null): Query<PruneSensitivity | null> {
  return useQuery(variant === null ? null : keyOf(variant), client =>
    client.prune.sensitivity({ variant: variant ?? '' }),
  )
}

interface MeasureSensitivityProps {
  variant: Variant
  sensitivity: PruneSensitivity | null | undefined
  hasData: boolean
  importance: unknown
}

/** Starts measuring what each part matters, shows how far it is, and how it was measured. */
export function MeasureSensitivity({ variant, sensitivity, hasData, importance }: MeasureSensitivityProps) {
  const client = useClient()
  const job = useApp(s => s.jobs.find(j => j.kind === 'sensitivity' && j.studyId === s.studyId))
  const wanted = IMPORTANCES.find(i => i === importance) ?? 'l2'
  const was = useRef(job?.state)
  useEffect(() => {
    if (was.current !== job?.state && job?.state === 'done') invalidate(keyOf(variant.id))
    was.current = job?.state
  }, [job?.state, variant.id])

  async function measure() {
    try {
      const made = await client.prune.measure({ variant: variant.id, importance: wanted })
      useApp.setState(s => ({ jobs: s.jobs.some(j => j.id === made.id) ? s.jobs : withJob(s.jobs, made) }))
    } catch (error) {
      notifyError(error)
    }
  }

  if (job && isActive(job)) return <JobInPlace job={job} />
  const failed = job?.state === 'failed' ? job.error : null
  const how = sensitivity && CHOICES.importance?.[sensitivity.importance]?.title
  return (
    <div className={classes.measuring}>
      {failed ? (
        <WhatFailed error={failed} />
      ) : (
        <span
          className={`${classes.hint} ellipsis`}
          title={
            sensitivity
              ? `Each part made smaller alone, by ${how}, in ${formatDuration(sensitivity.seconds)}`
              : undefined
          }
        >
          {!hasData && 'Measuring needs data'}
          {sensitivity &&
            `${METRIC_TITLES[sensitivity.metric]} on ${formatExact(sensitivity.samples)} samples${sensitivity.importance === wanted ? '' : `, by ${how}`}`}
        </span>
      )}
      <Button
        size="compact-sm"
        variant={sensitivity ? 'default' : 'light'}
        leftSection={<Activity size={13} aria-hidden />}
        disabled={!hasData}
        onClick={() => void measure()}
      >
        {sensitivity ? 'Measure again' : 'Measure sensitivity'}
      </Button>
    </div>
  )
}
