import type { Job } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import type { Client } from '../client'
import { selectOnly } from '../store/app'
import { openJobs, useUi } from '../store/ui'
import { notifyDone, notifyError } from '../ui/notify'
import { saveArtifact } from '../ui/save-artifact'

async function saveResult(client: Client, id: string): Promise<void> {
  const name = await saveArtifact(await client.artifacts.get({ id }))
  if (name) notifyDone(`Saved ${name}`)
}

/** Only what a person waits for and may have looked away from: the rest shows where it belongs when it is there. */
function finished(client: Client, job: Job): void {
  const { result, title } = job
  if (!result) return
  if (job.kind === 'variant') {
    notifyDone(`${title} is ready`, { label: 'Show', run: () => selectOnly([result]) })
  } else if (job.kind === 'report' || job.kind === 'bundle') {
    const run = () => void saveResult(client, result).catch(notifyError)
    notifyDone(`${title} is ready`, { label: 'Save', run })
  }
}

/** Says so when a job ends. Cancelled ones end without a word: the person did that. */
export function jobChanged(client: Client, job: Job, before: Job | undefined): void {
  if (before?.state === job.state) return
  if (job.state === 'done') finished(client, job)
  // The dialog that waits for an import says itself why it failed.
  const told = job.kind === 'import-model' && useUi.getState().dialog?.kind === 'import-model'
  if (job.state === 'failed' && !told) {
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
