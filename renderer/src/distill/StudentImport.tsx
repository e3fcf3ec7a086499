import { Button, Group, Progress } from '@mantine/core'
import { useEffect, useState } from 'react'
import type { FileGrant } from '../../../shared/contract'
import type { Variant } from '../../../shared/domain'
import type { ErrorData } from '../../../shared/errors'
import { asErrorData } from '../client'
import { SourcePicker } from '../imports/SourcePicker'
import { useGrant } from '../imports/useGrant'
import { useApp, withJob } from '../store/app'
import { useClient } from '../store/connection'
import { ErrorNotice } from '../ui/ErrorNotice'
import classes from './distill.module.css'

interface StudentImportProps {
  /** The teacher: the model becomes a variant of it. */
  parent: Variant
  onDone(variant: string): void
  onCancel(): void
}

/** Brings an ONNX file into the study without leaving the dialog, to be trained as a student. */
export function StudentImport({ parent, onDone, onCancel }: StudentImportProps) {
  const client = useClient()
  const granting = useGrant(undefined)
  const [started, setStarted] = useState<string | null>(null)
  const [error, setError] = useState<ErrorData | null>(null)
  const job = useApp(s => s.jobs.find(j => j.id === started))
  const known = useApp(s => s.study?.variants.some(v => v.id === job?.result) ?? false)
  const { grant, reset } = granting

  // biome-ignore lint/correctness/useExhaustiveDependencies: acts once for each file, and once for each end of its job
  useEffect(() => {
    if (grant && !started) void begin(grant)
  }, [grant])
  // biome-ignore lint/correctness/useExhaustiveDependencies: as above
  useEffect(() => {
    if (job?.state === 'done' && job.result && known) onDone(job.result)
    if (job?.state === 'failed' || job?.state === 'cancelled') {
      setError(job.error)
      setStarted(null)
      reset()
    }
  }, [job?.state, known])

  async function begin({ id: file }: FileGrant) {
    setError(null)
    try {
      const made = await client.models.import({ study: parent.studyId, file, parent: parent.id })
      useApp.setState(s => ({ jobs: s.jobs.some(j => j.id === made.id) ? s.jobs : withJob(s.jobs, made) }))
      setStarted(made.id)
    } catch (thrown) {
      setError(asErrorData(thrown))
      reset()
    }
  }

  return (
    <div className={classes.choice}>
      {error && <ErrorNotice error={error} />}
      {started ? (
        <div role="status">
          <div className={classes.hint}>{job?.stage || 'Reading the model'}</div>
          <Progress value={(job?.progress ?? 0) * 100} mt={6} aria-label="Progress of the import" />
        </div>
      ) : (
        <SourcePicker
          what="model"
          granting={granting}
          formats="Any ONNX model with the teacher's inputs and outputs"
          accept=".onnx,.data,.bin,.weight,.weights,.pb"
        />
      )}
      <Group justify="flex-end">
        <Button size="compact-xs" variant="default" onClick={onCancel}>
          {started ? 'Go on in the background' : 'Back'}
        </Button>
      </Group>
    </div>
  )
}
