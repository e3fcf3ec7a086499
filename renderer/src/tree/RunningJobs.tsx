import { ActionIcon, Progress, Tooltip } from '@mantine/core'
import { Pause, Play, X } from 'lucide-react'
import { useShallow } from 'zustand/react/shallow'
import type { Job } from '../../../shared/domain'
import { formatDuration } from '../../../shared/format'
import { CancelConfirm } from '../jobs/CancelConfirm'
import { stageOf, trainingChoices } from '../jobs/job-look'
import { watchSearch } from '../quantize/live-search'
import { inOrder, isActive, useApp } from '../store/app'
import { useClient } from '../store/connection'
import { openJobs } from '../store/ui'
import { JobSparkline } from '../training/Sparkline'
import { watchTraining } from '../training/watch'
import { notifyError } from '../ui/notify'
import classes from './tree.module.css'

/** Jobs of the study that are under way, below the variants they will become. */
export function RunningJobs({ studyId }: { studyId: string | null }) {
  const jobs = useApp(useShallow(s => s.jobs.filter(j => isActive(j) && j.studyId === studyId)))
  if (jobs.length === 0) return null
  return (
    <section className={classes.jobs} aria-label="Under way">
      {inOrder(jobs).map(job => (
        <RunningJob key={job.id} job={job} />
      ))}
    </section>
  )
}

function RunningJob({ job }: { job: Job }) {
  const paused = job.state === 'paused'
  const live = job.state === 'running'
  return (
    <div className={classes.job} data-state={job.state}>
      <div className={classes.jobHead}>
        <button
          type="button"
          className={classes.jobTitle}
          title={job.training ? 'Show its curves' : job.searches ? 'Show its trials' : 'Show its log'}
          onClick={() => {
            if (job.training) watchTraining(job)
            else if (job.searches) watchSearch(job)
            else openJobs(job.id)
          }}
        >
          {job.title}
        </button>
        {job.training && !paused && <JobSparkline job={job} />}
        <span className="num" style={{ color: paused ? 'var(--bt-teacher)' : 'var(--bt-dim)' }}>
          {job.state === 'queued' ? 'waiting' : paused ? 'paused' : `${Math.round(job.progress * 100)} %`}
        </span>
        <PauseButton job={job} />
        <CancelConfirm job={job}>
          {click => (
            <ActionIcon size="xs" aria-label={`Cancel ${job.title}`} onClick={click}>
              <X size={13} aria-hidden />
            </ActionIcon>
          )}
        </CancelConfirm>
      </div>
      <div className={`${classes.jobStage} ellipsis`}>
        {stageOf(job)}
        {live && job.secondsLeft !== null && `, ${formatDuration(job.secondsLeft)} left`}
      </div>
      <Progress
        size={3}
        value={job.progress * 100}
        color={paused ? 'var(--bt-teacher)' : undefined}
        aria-label={`Progress of ${job.title}`}
      />
    </div>
  )
}

function PauseButton({ job }: { job: Job }) {
  const client = useClient()
  const { pause, resume } = trainingChoices(job)
  if (!pause && !resume) return null
  const [word, Icon] = pause ? (['Pause', Pause] as const) : (['Resume', Play] as const)
  return (
    <Tooltip label={word}>
      <ActionIcon
        size="xs"
        aria-label={`${word} ${job.title}`}
        onClick={() => {
          const asked = pause ? client.jobs.pause({ id: job.id }) : client.jobs.resume({ id: job.id })
          asked.catch(notifyError)
        }}
      >
        <Icon size={12} aria-hidden />
      </ActionIcon>
    </Tooltip>
  )
}
