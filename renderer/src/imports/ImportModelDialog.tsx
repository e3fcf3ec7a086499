import { Button, Group, Progress, Radio, Select, Stack, TextInput } from '@mantine/core'
import { Box } from 'lucide-react'
import { useEffect, useState } from 'react'
import type { FileGrant } from '../../../shared/contract'
import type { ErrorData } from '../../../shared/errors'
import { formatBytes } from '../../../shared/format'
import { asErrorData } from '../client'
import { teacherOf, useApp, withJob } from '../store/app'
import { useClient } from '../store/connection'
import { openStudy } from '../store/session'
import { closeDialog } from '../store/ui'
import { ErrorNotice } from '../ui/ErrorNotice'
import { notifyError } from '../ui/notify'
import { useFocusAtFirst } from '../ui/useFocusAtFirst'
import classes from './imports.module.css'
import type { PickedFile } from './picked'
import { SourcePicker } from './SourcePicker'
import { useGrant } from './useGrant'

interface ImportModelDialogProps {
  picked?: readonly PickedFile[] | undefined
  /** Opened from outside: granted already. */
  given?: FileGrant | undefined
}

/** Brings a model in: as the teacher of this or a new study, or as a variant of another model. */
export function ImportModelDialog({ picked, given }: ImportModelDialogProps) {
  const granting = useGrant(picked, given)
  return (
    <div className={classes.stack}>
      {granting.grant ? (
        <Placing grant={granting.grant} onOther={granting.reset} />
      ) : (
        <SourcePicker
          what="model"
          granting={granting}
          formats="Any ONNX model, opset 7 or later; choose its external data files along with it"
          accept=".onnx,.ort,.data,.bin,.weight,.weights,.pb"
        />
      )}
    </div>
  )
}

type Place = 'here' | 'new' | 'variant'

interface Started {
  job: string
  study: string
  /** Of the file. */
  name: string
  /** Made for this model: goes again if the model cannot be read. */
  ownStudy: boolean
}

/** Starts the import and follows it: a model that cannot be read leaves nothing behind but the reason. */
function useImport() {
  const client = useClient()
  const [started, setStarted] = useState<Started | null>(null)
  const [error, setError] = useState<ErrorData | null>(null)
  const job = useApp(s => s.jobs.find(j => j.id === started?.job))
  const state = job?.state
  const reason = job?.error ?? null

  // biome-ignore lint/correctness/useExhaustiveDependencies: acts once for each end of the job
  useEffect(() => {
    if (!started) return
    if (state === 'done') {
      openStudy(client, started.study).catch(notifyError)
      closeDialog()
    }
    if (state === 'failed' || state === 'cancelled') {
      setStarted(null)
      setError(reason && withoutUploadFolder(reason, started.name))
      if (started.ownStudy) client.studies.remove({ id: started.study }).catch(notifyError)
    }
  }, [state])

  async function start(
    { id: file, name }: FileGrant,
    target: { name: string } | { study: string; parent: string | null },
  ) {
    setError(null)
    let ownStudy: string | null = null
    try {
      if ('name' in target) ownStudy = (await client.studies.create({ name: target.name })).id
      const study = 'name' in target ? (ownStudy ?? '') : target.study
      const parent = 'name' in target ? null : target.parent
      const made = await client.models.import({ study, file, parent })
      useApp.setState(s => ({ jobs: s.jobs.some(j => j.id === made.id) ? s.jobs : withJob(s.jobs, made) }))
      setStarted({ job: made.id, study, name, ownStudy: ownStudy !== null })
    } catch (thrown) {
      setError(asErrorData(thrown))
      if (ownStudy) await client.studies.remove({ id: ownStudy }).catch(notifyError)
    }
  }

  function inBackground() {
    if (started) openStudy(client, started.study).catch(notifyError)
    closeDialog()
  }
  return { job: started ? job : undefined, error, start, inBackground }
}

/** Where an upload lies on the engine's side tells a person in a browser nothing: the file's own name stays. */
function withoutUploadFolder(error: ErrorData, name: string): ErrorData {
  const where = error.where?.replace(/^.*[\\/]uploads[\\/][0-9a-f-]{36}[\\/]?/, '')
  return { ...error, where: where === '' ? name : where }
}

function Placing({ grant, onOther }: { grant: FileGrant; onOther(): void }) {
  const study = useApp(s => s.study)
  const teacher = teacherOf(study)
  const [place, setPlace] = useState<Place>(teacher || !study ? 'new' : 'here')
  const [parent, setParent] = useState(teacher?.id ?? null)
  const [name, setName] = useState(grant.name.replace(/\.(onnx|ort)$/i, ''))
  const { job, error, start, inBackground } = useImport()
  const first = useFocusAtFirst<HTMLButtonElement>()

  function begin() {
    if (place === 'new' || !study) return start(grant, { name: name.trim() || grant.name })
    return start(grant, { study: study.id, parent: place === 'variant' ? parent : null })
  }

  if (job) {
    return (
      <div className={classes.busy} role="status">
        <div>{job.stage || `Reading ${grant.name}`}</div>
        <Progress value={job.progress * 100} aria-label="Progress of the import" />
        <Group justify="flex-end">
          <Button variant="default" onClick={inBackground}>
            Go on in the background
          </Button>
        </Group>
      </div>
    )
  }
  return (
    <form
      className={classes.stack}
      onSubmit={event => {
        event.preventDefault()
        void begin()
      }}
    >
      <div className={classes.file}>
        <Box size={18} color="var(--bt-accent)" aria-hidden />
        <div style={{ flex: 1, minWidth: 0 }}>
          <div className="ellipsis" style={{ fontWeight: 550 }}>
            {grant.name}
          </div>
          <div className={classes.dim}>{formatBytes(grant.bytes)}</div>
        </div>
        <Button size="compact-xs" variant="subtle" color="gray" onClick={onOther}>
          Another file
        </Button>
      </div>
      {teacher && (
        <Radio.Group
          label="Where it goes"
          value={place}
          onChange={value => setPlace(value === 'variant' ? 'variant' : 'new')}
        >
          <Stack gap={8} mt={6}>
            <Radio
              size="xs"
              value="new"
              label="A new study, as its teacher"
              description="Everything made from it is measured against it."
            />
            <Radio
              size="xs"
              value="variant"
              label="This study, as a variant"
              description="For a smaller version of the same model that was made elsewhere."
            />
          </Stack>
        </Radio.Group>
      )}
      {place === 'new' && (
        <TextInput
          label="Name of the study"
          value={name}
          maxLength={200}
          onChange={e => setName(e.currentTarget.value)}
        />
      )}
      {place === 'variant' && study && (
        <Select
          label="Made from"
          data={study.variants.map(v => ({ value: v.id, label: v.name }))}
          value={parent}
          onChange={setParent}
          allowDeselect={false}
        />
      )}
      {error && (
        <ErrorNotice
          error={error}
          actions={
            <Button size="compact-xs" variant="default" onClick={onOther}>
              Choose another file
            </Button>
          }
        />
      )}
      <Group justify="flex-end" gap="xs">
        <Button variant="default" onClick={closeDialog}>
          Cancel
        </Button>
        <Button type="submit" data-autofocus ref={first}>
          Import
        </Button>
      </Group>
    </form>
  )
}
