import { useEffect, useState } from 'react'
import type { Artifact } from '../../../shared/contract'
import type { Job } from '../../../shared/domain'
import type { ErrorData } from '../../../shared/errors'
import { asErrorData, type Client } from '../client'
import { isActive, useApp } from '../store/app'
import { useClient } from '../store/connection'
import { saveArtifact } from '../ui/save-artifact'

export interface Saving {
  busy: boolean
  /** Job that makes the file, while it runs. */
  job: Job | null
  /** What was saved last. */
  saved: { name: string; bytes: number } | null
  error: ErrorData | null
  start(): void
  dismiss(): void
}

/** Saves a file the engine has at once. */
export function useSaving(make: (client: Client) => Promise<Artifact>): Saving {
  const client = useClient()
  const [busy, setBusy] = useState(false)
  const [saved, setSaved] = useState<Saving['saved']>(null)
  const [error, setError] = useState<ErrorData | null>(null)
  async function run() {
    setBusy(true)
    setError(null)
    try {
      const artifact = await make(client)
      const name = await saveArtifact(artifact)
      if (name !== null) setSaved({ name, bytes: artifact.bytes })
    } catch (failure) {
      setError(asErrorData(failure))
    } finally {
      setBusy(false)
    }
  }
  return { busy, job: null, saved, error, start: () => void run(), dismiss: () => setError(null) }
}

/** Starts a job that makes a file, follows it, and saves what it made. */
export function useJobSaving(begin: (client: Client) => Promise<Job>): Saving {
  const client = useClient()
  const [id, setId] = useState<string | null>(null)
  const [asking, setAsking] = useState(false)
  const [saved, setSaved] = useState<Saving['saved']>(null)
  const [error, setError] = useState<ErrorData | null>(null)
  const job = useApp(s => (id === null ? null : (s.jobs.find(j => j.id === id) ?? null)))
  const done = job !== null && !isActive(job)

  useEffect(() => {
    if (!done || !job) return
    setId(null)
    if (job.state !== 'done' || job.result === null) {
      if (job.error) setError(job.error)
      return
    }
    client.artifacts
      .get({ id: job.result })
      .then(async artifact => {
        const name = await saveArtifact(artifact)
        if (name !== null) setSaved({ name, bytes: artifact.bytes })
      })
      .catch(failure => setError(asErrorData(failure)))
  }, [done, job, client])

  async function run() {
    setAsking(true)
    setError(null)
    try {
      const made = await begin(client)
      setId(made.id)
    } catch (failure) {
      setError(asErrorData(failure))
    } finally {
      setAsking(false)
    }
  }
  return {
    busy: asking || id !== null,
    job,
    saved,
    error,
    start: () => void run(),
    dismiss: () => setError(null),
  }
}
