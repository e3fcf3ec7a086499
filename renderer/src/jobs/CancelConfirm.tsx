import { Button, Group, Popover, Text } from '@mantine/core'
import { type ReactNode, useState } from 'react'
import type { Job } from '../../../shared/domain'
import { formatDuration } from '../../../shared/format'
import { useClient } from '../store/connection'
import { notifyError } from '../ui/notify'
import { secondsAtStake } from './job-look'

interface CancelConfirmProps {
  job: Job
  /** The button; it is given what a click does. */
  children(click: () => void): ReactNode
}

/** Cancels a job; asks first where a long training or search would be lost. */
export function CancelConfirm({ job, children }: CancelConfirmProps) {
  const client = useClient()
  const [asking, setAsking] = useState(false)
  const cancel = () => {
    setAsking(false)
    client.jobs.cancel({ id: job.id }).catch(notifyError)
  }
  const finish = () => {
    setAsking(false)
    client.jobs.finish({ id: job.id }).catch(notifyError)
  }
  const lost = secondsAtStake(job, Date.now())
  return (
    <Popover opened={asking} onChange={setAsking} width={290} shadow="md" trapFocus returnFocus>
      <Popover.Target>
        {children(() => (secondsAtStake(job, Date.now()) > 0 ? setAsking(true) : cancel()))}
      </Popover.Target>
      <Popover.Dropdown>
        <Text size="sm" mb={10}>
          {job.state === 'paused'
            ? 'Cancelling loses this training: it cannot be resumed afterwards.'
            : `Cancelling loses ${formatDuration(lost)} of ${job.training ? 'training' : 'searching'}. To keep the best ${job.training ? 'weights ' : ''}so far, finish it instead.`}
        </Text>
        <Group gap={6} justify="flex-end">
          <Button size="compact-xs" variant="default" onClick={() => setAsking(false)} data-autofocus>
            Go on
          </Button>
          {job.state === 'running' && (
            <Button size="compact-xs" variant="default" onClick={finish}>
              Finish now
            </Button>
          )}
          <Button size="compact-xs" color="var(--bt-worse)" variant="light" onClick={cancel}>
            Cancel {job.training ? 'training' : 'search'}
          </Button>
        </Group>
      </Popover.Dropdown>
    </Popover>
  )
}
