import { ActionIcon, Progress, Tooltip } from '@mantine/core'
import { X } from 'lucide-react'
import type { Job } from '../../../shared/domain'
import { formatDuration } from '../../../shared/format'
import { useClient } from '../store/connection'
import { notifyError } from '../ui/notify'
import { stageOf } from './job-look'
import classes from './jobs.module.css'

/** How far a job is, in the place where it was started; it can be cancelled there. */
export function JobInPlace({ job }: { job: Job }) {
  const client = useClient()
  const percent = Math.round(job.progress * 100)
  const left = job.secondsLeft === null ? '' : `, ${formatDuration(job.secondsLeft)} left`
  return (
    <div className={classes.inPlace} title={`${job.title}: ${stageOf(job)}`}>
      <Progress
        value={percent}
        size={5}
        className={classes.inPlaceBar}
        aria-label={`Progress of ${job.title}`}
      />
      <span className="num" role="status">
        {job.state === 'queued' ? 'waiting' : `${percent} %${left}`}
      </span>
      <Tooltip label="Cancel">
        <ActionIcon
          size="sm"
          aria-label={`Cancel ${job.title}`}
          onClick={() => client.jobs.cancel({ id: job.id }).catch(notifyError)}
        >
          <X size={14} aria-hidden />
        </ActionIcon>
      </Tooltip>
    </div>
  )
}
