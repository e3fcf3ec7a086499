import { Button, Progress } from '@mantine/core'
import type { Job } from '../../../shared/domain'
import { formatDuration } from '../../../shared/format'
import { watchSearch } from '../quantize/live-search'
import { isActive, selectOnly, useApp } from '../store/app'
import { useClient } from '../store/connection'
import { openJobs, useUi } from '../store/ui'
import { watchTraining } from '../training/watch'
import { ErrorNotice } from '../ui/ErrorNotice'
import { notifyError } from '../ui/notify'
import { saveArtifact } from '../ui/save-artifact'
import { CancelConfirm } from './CancelConfirm'
import { LOOK, stageOf } from './job-look'
import classes from './jobs.module.css'
import { TrainingButtons } from './TrainingButtons'

function duration(job: Job): string {
  if (!job.startedAt || !job.finishedAt) return ''
  return formatDuration((Date.parse(job.finishedAt) - Date.parse(job.startedAt)) / 1000)
}

/** One job: state, progress, time left; cancel, retry, log, and what came of it. */
export function JobCard({ job }: { job: Job }) {
  const client = useClient()
  const exists = useApp(s => s.study?.variants.some(v => v.id === job.result) ?? false)
  const { icon: Icon, color, word } = LOOK[job.state]
  const active = isActive(job)
  const attempt = (work: Promise<unknown>) => {
    work.catch(notifyError)
  }
  const saves = job.state === 'done' && (job.kind === 'report' || job.kind === 'bundle')
  return (
    <article className={classes.card} aria-label={`${job.title}: ${word}`}>
      <div className={classes.cardHead}>
        <Icon
          size={16}
          color={color}
          className={job.state === 'running' ? classes.spin : undefined}
          aria-label={word}
        />
        <span className={`${classes.title} ellipsis`}>{job.title}</span>
        <span className={classes.time}>
          {job.state === 'running'
            ? `${Math.round(job.progress * 100)} %`
            : job.state === 'done'
              ? duration(job)
              : word}
        </span>
      </div>
      {active && (
        <>
          <Progress
            value={job.progress * 100}
            size={4}
            mt={8}
            color={job.state === 'paused' ? color : undefined}
            aria-label={`Progress of ${job.title}`}
          />
          <div className={classes.stage}>
            <span className="ellipsis">{stageOf(job)}</span>
            <span className="num">
              {job.state === 'running' &&
                job.secondsLeft !== null &&
                `${formatDuration(job.secondsLeft)} left`}
            </span>
          </div>
        </>
      )}
      {job.error && job.state === 'failed' && (
        <div style={{ marginTop: 8 }}>
          <ErrorNotice error={job.error} />
        </div>
      )}
      <div className={classes.buttons}>
        <TrainingButtons job={job} />
        {active && (
          <CancelConfirm job={job}>
            {click => (
              <Button size="compact-xs" variant="default" onClick={click}>
                Cancel
              </Button>
            )}
          </CancelConfirm>
        )}
        {job.searches && job.state !== 'queued' && (
          <Button size="compact-xs" variant="default" onClick={() => watchSearch(job)}>
            Trials
          </Button>
        )}
        {job.training && (
          <Button size="compact-xs" variant="default" onClick={() => watchTraining(job)}>
            Curves
          </Button>
        )}
        {(job.state === 'failed' || job.state === 'cancelled') && (
          <Button
            size="compact-xs"
            variant="default"
            onClick={() => attempt(client.jobs.retry({ id: job.id }))}
          >
            Try again
          </Button>
        )}
        {exists && job.result && (
          <Button
            size="compact-xs"
            variant="default"
            onClick={() => {
              selectOnly([job.result ?? ''])
              useUi.setState({ jobsOpen: false })
            }}
          >
            Show
          </Button>
        )}
        {saves && job.result && (
          <Button
            size="compact-xs"
            variant="default"
            onClick={() => attempt(client.artifacts.get({ id: job.result ?? '' }).then(saveArtifact))}
          >
            Save
          </Button>
        )}
        <Button size="compact-xs" variant="subtle" color="gray" onClick={() => openJobs(job.id)}>
          Log
        </Button>
      </div>
    </article>
  )
}
