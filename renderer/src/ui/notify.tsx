import { Button, Group, Text } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { CircleAlert, CircleCheck, Undo2 } from 'lucide-react'
import type { ReactNode } from 'react'
import { type ErrorData, errorLine } from '../../../shared/errors'
import { asErrorData } from '../client'
import { defaultAction } from './ErrorNotice'
import { colors } from './theme'

interface ToastAction {
  label: string
  run(): void
}

function body(text: ReactNode, action: ToastAction | undefined, id: string) {
  return (
    <Group justify="space-between" wrap="nowrap" gap="sm">
      <Text size="sm" style={{ minWidth: 0, overflowWrap: 'anywhere' }}>
        {text}
      </Text>
      {action && (
        <Button
          size="compact-xs"
          variant="light"
          style={{ flexShrink: 0 }}
          onClick={() => {
            notifications.hide(id)
            action.run()
          }}
        >
          {action.label}
        </Button>
      )}
    </Group>
  )
}

let serial = 0

function show(text: ReactNode, icon: ReactNode, autoClose: number | false, action?: ToastAction): void {
  const id = `toast-${serial++}`
  notifications.show({
    id,
    message: body(text, action, id),
    icon,
    color: 'transparent',
    autoClose,
    closeButtonProps: { 'aria-label': 'Dismiss' },
  })
}

/** Something went well; optionally with what one may do next. */
export function notifyDone(text: ReactNode, action?: ToastAction): void {
  show(text, <CircleCheck size={18} color={colors.better} aria-hidden />, 6000, action)
}

/** Something failed: what, where and what to do, until dismissed. */
export function notifyError(error: unknown, action?: ToastAction): void {
  const data: ErrorData = asErrorData(error)
  const full = { ...data, action: data.action ?? defaultAction(data) }
  show(errorLine(full), <CircleAlert size={18} color={colors.worse} aria-hidden />, 15_000, action)
}

/** Something was removed and can be had back. */
export function notifyUndo(text: string, undo: () => void): void {
  show(text, <Undo2 size={18} color={colors.dim} aria-hidden />, 10_000, { label: 'Undo', run: undo })
}
