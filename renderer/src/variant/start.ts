/** Starting the jobs that make variants. */
import { useState } from 'react'
import type { Device, Job, Step } from '../../../shared/domain'
import type { ErrorData } from '../../../shared/errors'
import { asErrorData, type Client } from '../client'
import { useApp, withJob } from '../store/app'

interface Order {
  parent: string
  step: Step
  name: string
  seed: number
  /** Of a training; absent, that of the settings. */
  device?: Device | undefined
}

/** Queues the job; it is in the list at once, whether its event comes before or after the answer. Throws as the engine. */
export async function createVariant(client: Client, order: Order): Promise<Job> {
  const job = await client.variants.create(order)
  useApp.setState(s => ({ jobs: s.jobs.some(j => j.id === job.id) ? s.jobs : withJob(s.jobs, job) }))
  return job
}

export interface Start {
  start(): Promise<void>
  /** From the click until the dialog closes or an error is there. */
  busy: boolean
  error: ErrorData | null
  forget(): void
}

/** Starts once, however often it is asked; what `make` throws is kept to be shown. Nothing happens while `blocked`. */
export function useStart(blocked: boolean, make: () => Promise<void>): Start {
  const [error, setError] = useState<ErrorData | null>(null)
  const [busy, setBusy] = useState(false)
  return {
    busy,
    error,
    forget: () => setError(null),
    async start() {
      if (blocked || busy) return
      setBusy(true)
      setError(null)
      try {
        await make()
      } catch (thrown) {
        setError(asErrorData(thrown))
        setBusy(false)
      }
    },
  }
}
