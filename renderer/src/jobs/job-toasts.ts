import type { Job } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import type { Client } from '../client'
import { selectOnly } from '../store/app'
import { openJobs } from '../store/ui'
import { notifyDone, notifyError } from '../ui/notify'
import { saveArtifact } from '../ui/save-artifact'

async function saveResult(client: Client, id: string): Promise<void> {
  const name = await saveArtifact(await client.artifacts.get({ id }))
  if (name) notifyDone(`Saved ${name}`)
}

function finished(client: Client, job: Job): void {
  const result = job.result
  const made = job.kind === 'variant' || job.kind === 'import-model'
  const file = job.kind === 'report' || job.kind === 'bundle'
  const text = job.kind === 'variant' || file ? `${job.title} is ready` : `${job.title}: done`
  if (made && result) notifyDone(text, { label: 'Show', run: () => selectOnly([result]) })
  else if (file && result) {
    notifyDone(text, { label: 'Save', run: () => void saveResult(client, result).catch(notifyError) })
  } else notifyDone(text)
}

/** Says so when a job ends. Cancelled ones end without a word: the person did that. */
export function jobChanged(client: Client, job: Job, before: Job | undefined): void {
  if (before?.state === job.state) return
  if (job.state === 'done') finished(client, job)
  if (job.state === 'failed') {
    const { code, message, where, action } = job.error ?? {
      code: 'crashed' as const,
      message: 'The job failed.',
    }
    notifyError(new BantamError(code, `${job.title}: ${message}`, { where, action }), {
      label: 'Log',
      run: () => openJobs(job.id),
    })
  }
}
