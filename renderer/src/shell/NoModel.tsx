import { Button, Group } from '@mantine/core'
import { FlaskConical, PackageOpen } from 'lucide-react'
import { ActionButton } from '../actions/ActionButton'
import { currentScreen } from '../actions/action'
import { actionById, perform } from '../actions/actions'
import { useApp } from '../store/app'
import { useClient } from '../store/connection'
import { EmptyState } from '../ui/EmptyState'
import { ErrorNotice } from '../ui/ErrorNotice'

/** The centre of a study without a model: what to do first, and why the last attempt failed. */
export function NoModel() {
  const client = useClient()
  const failed = useApp(s => s.jobs.find(j => j.kind === 'import-model' && j.studyId === s.studyId))
  const error = failed?.state === 'failed' ? failed.error : null
  return (
    <div style={{ flex: 1, minHeight: 0 }}>
      {error && (
        <div style={{ padding: 16 }}>
          <ErrorNotice error={error} />
        </div>
      )}
      <EmptyState
        icon={PackageOpen}
        title="Open a model to begin"
        actions={
          <Group gap="xs" mt="xs">
            <ActionButton id="import-model" variant="filled" />
            <Button
              variant="default"
              leftSection={<FlaskConical size={15} aria-hidden />}
              onClick={() => perform(actionById('sample-study'), currentScreen(client))}
            >
              Look at the sample
            </Button>
          </Group>
        }
      >
        Drop an ONNX file (and the data files beside it) anywhere on this window. It becomes the teacher;
        Bantam then makes smaller, faster variants and shows what each of them costs.
      </EmptyState>
    </div>
  )
}
