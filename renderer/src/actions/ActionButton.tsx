import { ActionIcon, Button, Tooltip } from '@mantine/core'
import { useClient } from '../store/connection'
import { currentScreen } from './action'
import { actionById, perform } from './actions'
import { shortcutKeys } from './keyboard'

interface ActionButtonProps {
  id: string
  /** Only the icon; the label is in the tooltip. */
  iconOnly?: boolean
  variant?: 'filled' | 'default' | 'subtle' | 'light'
  /** In place of the action's own label. */
  label?: string
  disabled?: boolean
}

/** A button that performs an action; says its shortcut. */
export function ActionButton({
  id,
  iconOnly = false,
  variant = 'default',
  label,
  disabled,
}: ActionButtonProps) {
  const client = useClient()
  const action = actionById(id)
  const Icon = action.icon
  const text = label ?? action.label.replace('…', '')
  const hint = action.shortcut ? `${action.label} (${shortcutKeys(action.shortcut).join(' ')})` : action.label
  const run = () => perform(action, currentScreen(client))
  return (
    <Tooltip label={hint}>
      {iconOnly ? (
        <ActionIcon aria-label={action.label} onClick={run} disabled={disabled}>
          <Icon size={17} strokeWidth={1.8} aria-hidden />
        </ActionIcon>
      ) : (
        <Button
          variant={variant}
          onClick={run}
          disabled={disabled}
          leftSection={<Icon size={15} strokeWidth={2} aria-hidden />}
        >
          {text}
        </Button>
      )}
    </Tooltip>
  )
}
