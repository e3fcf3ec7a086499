import { Button, Progress } from '@mantine/core'
import { Wand2 } from 'lucide-react'
import { useEffect, useState } from 'react'
import type { Job } from '../../../shared/domain'
import { formatDuration } from '../../../shared/format'
import type { LiveSearch } from '../../../shared/quantize'
import { CancelConfirm } from '../jobs/CancelConfirm'
import { stageOf } from '../jobs/job-look'
import { isActive, selectOnly, useApp } from '../store/app'
import { useClient } from '../store/connection'
import { closeDialog } from '../store/ui'
import { EmptyState } from '../ui/EmptyState'
import { ErrorNotice } from '../ui/ErrorNotice'
import { notifyError } from '../ui/notify'
import { Improvements } from './Improvements'
import { useLiveSearch } from './live-search'
import { SearchChart } from './SearchChart'
import classes from './search.module.css'

/** A search while it runs: every model it measures, the best so far, the time that is left, and how to end it. */
export function SearchDialog({ job: id }: { job: string }) {
  const job = useApp(s => s.jobs.find(j => j.id === id))
  const { data, error } = useLiveSearch(id)
  const wrong = job?.error ?? error
  if (!job) {
    return (
      <EmptyState icon={Wand2} title="This search is no longer known">
        It was cleared from the jobs. What a search tried stands in the recipe of its variant.
      </EmptyState>
    )
  }
  return (
    <div className={classes.dialog}>
      <State job={job} search={data ?? null} />
      {wrong && <ErrorNotice error={wrong} />}
      {data ? (
        <>
          <SearchChart search={data} inOrder />
          <Improvements search={data} />
        </>
      ) : (
        <Waiting job={job} />
      )}
      <Buttons job={job} search={data ?? null} />
    </div>
  )
}

function State({ job, search }: { job: Job; search: LiveSearch | null }) {
  return (
    <div className={classes.state}>
      <div className={classes.stateHead}>
        <strong className="ellipsis">{job.title}</strong>
        <span className="num" role="timer">
          <Left job={job} search={search} />
        </span>
      </div>
      <Progress value={job.progress * 100} size={5} aria-label={`Progress of ${job.title}`} />
      <span className={`${classes.stage} ellipsis`} role="status">
        {endedText(job) ?? stageOf(job)}
      </span>
    </div>
  )
}

function endedText({ state }: Job): string | null {
  switch (state) {
    case 'done':
      return 'Done: the best is made, proven and measured.'
    case 'cancelled':
      return 'Cancelled. Nothing was made.'
    case 'failed':
      return 'It failed.'
    default:
      return null
  }
}

/** Time left of what the search was given; once it is over, of the job that makes and measures the best. */
function Left({ job, search }: { job: Job; search: LiveSearch | null }) {
  const searching = job.state === 'running' && search?.ended === null
  const now = useNow(searching)
  if (searching) {
    const seconds = Math.max(0, (Date.parse(search.endsAt) - now) / 1000)
    return `${formatDuration(Math.min(seconds, 60 * search.minutes))} left of ${formatDuration(60 * search.minutes)}`
  }
  if (job.state === 'running' && job.secondsLeft !== null) return `${formatDuration(job.secondsLeft)} left`
  return ''
}

/** The time, told every second while it is wanted. */
function useNow(ticking: boolean): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    if (!ticking) return
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [ticking])
  return now
}

/** As high as what comes in its place. */
function Waiting({ job }: { job: Job }) {
  const words: Partial<Record<Job['state'], string>> = {
    queued: 'Trials appear here as they are measured. The search waits for the jobs before it.',
    running:
      'Trials appear here as they are measured. First the original is run on the samples, and its layers are timed.',
  }
  return <p className={classes.waiting}>{words[job.state] ?? 'It ended before its first trial.'}</p>
}

function FinishButton({ job }: { job: Job }) {
  const client = useClient()
  const [asked, setAsked] = useState(false)
  return (
    <Button
      // The trial at hand is measured to its end.
      loading={asked}
      onClick={() => {
        setAsked(true)
        client.jobs.finish({ id: job.id }).catch(thrown => {
          setAsked(false)
          notifyError(thrown)
        })
      }}
    >
      Stop now, keep the best
    </Button>
  )
}

function Buttons({ job, search }: { job: Job; search: LiveSearch | null }) {
  const made = useApp(s => s.study?.variants.find(v => v.id === job.result))
  return (
    <div className={classes.buttons}>
      {isActive(job) && (
        <>
          <CancelConfirm job={job}>
            {click => (
              <Button variant="default" onClick={click}>
                Cancel the search
              </Button>
            )}
          </CancelConfirm>
          <span className={classes.hint}>
            Closed, it goes on; “Trials” in the list of jobs leads back here.
          </span>
        </>
      )}
      <div className={classes.right}>
        <Button variant="default" onClick={closeDialog} data-autofocus>
          Close
        </Button>
        {job.state === 'running' && search?.ended === null && search.best !== null && (
          <FinishButton job={job} />
        )}
        {made && (
          <Button
            onClick={() => {
              selectOnly([made.id])
              closeDialog()
            }}
          >
            Show the variant
          </Button>
        )}
      </div>
    </div>
  )
}
