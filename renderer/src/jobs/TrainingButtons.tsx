import { Button, Tooltip } from '@mantine/core'
import { Flag, Pause, Play } from 'lucide-react'
import type { Job } from '../../../shared/domain'
import { useClient } from '../store/connection'
import { notifyError } from '../ui/notify'
import { trainingChoices } from './job-look'

export const FINISH_HINT = 'No further epoch: the best weights so far become the variant.'
const FINISH_SEARCH_HINT = 'No further trial: the best so far becomes the variant.'
export const PAUSE_HINT = 'Stops after the step at hand and keeps its place; other jobs run meanwhile.'

/** Pause, resume and finish of a training, finish of a search; nothing for other jobs. */
export function TrainingButtons({ job }: { job: Job }) {
  const client = useClient()
  const can = trainingChoices(job)
  const attempt = (work: Promise<unknown>) => {
    work.catch(notifyError)
  }
  return (
    <>
      {can.pause && (
        <Tooltip label={PAUSE_HINT}>
          <Button
            size="compact-xs"
            variant="default"
            leftSection={<Pause size={12} aria-hidden />}
            onClick={() => attempt(client.jobs.pause({ id: job.id }))}
          >
            Pause
          </Button>
        </Tooltip>
      )}
      {can.resume && (
        <Button
          size="compact-xs"
          variant="light"
          leftSection={<Play size={12} aria-hidden />}
          onClick={() => attempt(client.jobs.resume({ id: job.id }))}
        >
          Resume
        </Button>
      )}
      {can.finish && (
        <Tooltip label={job.training ? FINISH_HINT : FINISH_SEARCH_HINT}>
          <Button
            size="compact-xs"
            variant="default"
            leftSection={<Flag size={12} aria-hidden />}
            onClick={() => attempt(client.jobs.finish({ id: job.id }))}
          >
            {job.training ? 'Finish now' : 'Stop, keep the best'}
          </Button>
        </Tooltip>
      )}
    </>
  )
}
