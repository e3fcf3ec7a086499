import { Button, Group, Radio, Select, Stack, TextInput } from '@mantine/core'
import { Box } from 'lucide-react'
import { useState } from 'react'
import type { FileGrant } from '../../../shared/contract'
import type { ErrorData } from '../../../shared/errors'
import { formatBytes } from '../../../shared/format'
import { asErrorData } from '../client'
import { teacherOf, useApp } from '../store/app'
import { useClient } from '../store/connection'
import { openStudy } from '../store/session'
import { closeDialog } from '../store/ui'
import { ErrorNotice } from '../ui/ErrorNotice'
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

function Placing({ grant, onOther }: { grant: FileGrant; onOther(): void }) {
  const client = useClient()
  const study = useApp(s => s.study)
  const teacher = teacherOf(study)
  const [place, setPlace] = useState<Place>(teacher || !study ? 'new' : 'here')
  const [parent, setParent] = useState(teacher?.id ?? null)
  const [name, setName] = useState(grant.name.replace(/\.(onnx|ort)$/i, ''))
  const [error, setError] = useState<ErrorData | null>(null)
  const [busy, setBusy] = useState(false)

  async function start() {
    setBusy(true)
    setError(null)
    try {
      const target =
        place === 'new' ? (await client.studies.create({ name: name.trim() || grant.name })).id : study?.id
      if (!target) return
      await client.models.import({
        study: target,
        file: grant.id,
        parent: place === 'variant' ? parent : null,
      })
      if (place === 'new') await openStudy(client, target)
      closeDialog()
    } catch (thrown) {
      setError(asErrorData(thrown))
      setBusy(false)
    }
  }

  return (
    <form
      className={classes.stack}
      onSubmit={event => {
        event.preventDefault()
        void start()
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
        <Button type="submit" loading={busy}>
          Import
        </Button>
      </Group>
    </form>
  )
}
