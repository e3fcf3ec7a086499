import { Button, Group, TextInput } from '@mantine/core'
import { useState } from 'react'
import type { ErrorData } from '../../../shared/errors'
import { asErrorData, type Client } from '../client'
import { useClient } from '../store/connection'
import { openStudy } from '../store/session'
import { closeDialog, type Dialog } from '../store/ui'
import { ErrorNotice } from '../ui/ErrorNotice'

type Naming = Extract<Dialog, { kind: 'new-study' | 'rename-study' | 'rename-variant' }>

async function save(client: Client, dialog: Naming, name: string): Promise<void> {
  switch (dialog.kind) {
    case 'new-study':
      return openStudy(client, (await client.studies.create({ name })).id)
    case 'rename-study':
      await client.studies.rename({ id: dialog.id, name })
      return
    case 'rename-variant':
      await client.variants.rename({ id: dialog.id, name })
      return
  }
}

/** Asks for a name of up to 200 characters. */
export function NameDialog({ dialog }: { dialog: Naming }) {
  const client = useClient()
  const [name, setName] = useState(dialog.kind === 'new-study' ? '' : dialog.name)
  const [error, setError] = useState<ErrorData | null>(null)
  const [busy, setBusy] = useState(false)
  const trimmed = name.trim()
  async function submit() {
    setBusy(true)
    setError(null)
    try {
      await save(client, dialog, trimmed)
      closeDialog()
    } catch (thrown) {
      setError(asErrorData(thrown))
      setBusy(false)
    }
  }
  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        if (trimmed) void submit()
      }}
    >
      <TextInput
        label="Name"
        data-autofocus
        maxLength={200}
        value={name}
        placeholder={dialog.kind === 'new-study' ? 'What is being made smaller?' : undefined}
        onChange={event => setName(event.currentTarget.value)}
        onFocus={event => event.currentTarget.select()}
      />
      {error && (
        <div style={{ marginTop: 12 }}>
          <ErrorNotice error={error} />
        </div>
      )}
      <Group justify="flex-end" mt="md" gap="xs">
        <Button variant="default" onClick={closeDialog}>
          Cancel
        </Button>
        <Button type="submit" loading={busy} disabled={!trimmed}>
          {dialog.kind === 'new-study' ? 'Create' : 'Rename'}
        </Button>
      </Group>
    </form>
  )
}
