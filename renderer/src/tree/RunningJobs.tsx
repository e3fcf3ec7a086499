import { ActionIcon, Progress } from '@mantine/core'
import { X } from 'lucide-react'
import { useShallow } from 'zustand/react/shallow'
import { formatDuration } from '../../../shared/format'
import { inOrder, isActive, useApp } from '../store/app'
import { useClient } from '../store/connection'
import { openJobs } from '../store/ui'
import { notifyError } from '../ui/notify'
import classes from './tree.module.css'

/** Jobs of the study that are under way, below the variants they will become. */
export function RunningJobs({ studyId }: { studyId: string | null }) {
  const client = useClient()
  const jobs = useApp(useShallow(s => s.jobs.filter(j => isActive(j) && j.studyId === studyId)))
  if (jobs.length === 0) return null
  return (
    <section className={classes.jobs} aria-label="Under way">
      {inOrder(jobs).map(job => (
        <div key={job.id} className={classes.job}>
          <div className={classes.jobHead}>
            <button
              type="button"
              className="ellipsis"
              style={{ all: 'unset', cursor: 'pointer', fontWeight: 550, flex: 1, minWidth: 0 }}
              onClick={() => openJobs(job.id)}
            >
              {job.title}
            </button>
            <span className="num" style={{ color: 'var(--bt-dim)' }}>
              {job.state === 'queued' ? 'waiting' : `${Math.round(job.progress * 100)} %`}
            </span>
            <ActionIcon
              size="xs"
              aria-label={`Cancel ${job.title}`}
              onClick={() => {
                client.jobs.cancel({ id: job.id }).catch(notifyError)
              }}
            >
              <X size={13} aria-hidden />
            </ActionIcon>
          </div>
          <div className={`${classes.jobStage} ellipsis`}>
            {job.stage || (job.state === 'queued' ? 'Starts when the jobs before it are done' : 'Starting')}
            {job.secondsLeft !== null && `, ${formatDuration(job.secondsLeft)} left`}
          </div>
          <Progress size={3} value={job.progress * 100} aria-label={`Progress of ${job.title}`} />
        </div>
      ))}
    </section>
  )
}
