import { Kbd, Menu } from '@mantine/core'
import type { Variant } from '../../../shared/domain'
import { useClient } from '../store/connection'
import { colors } from '../ui/theme'
import { type Action, currentScreen } from './action'
import { perform } from './actions'
import { shortcutKeys } from './keyboard'

const DESTRUCTIVE = /^remove-/

/** Keys of a shortcut, as caps. */
export function Shortcut({ keys }: { keys: string }) {
  return (
    <span style={{ display: 'inline-flex', gap: 2 }} aria-hidden>
      {shortcutKeys(keys).map(key => (
        <Kbd key={key}>{key}</Kbd>
      ))}
    </span>
  )
}

/** Menu items for actions. Mount only while the menu is open: what is available is read once. */
export function ActionItems({ actions, target }: { actions: readonly Action[]; target?: Variant }) {
  const client = useClient()
  const screen = currentScreen(client, target)
  return actions.map(action => {
    const Icon = action.icon
    return (
      <Menu.Item
        key={action.id}
        disabled={!action.available(screen)}
        leftSection={<Icon size={15} strokeWidth={1.8} aria-hidden />}
        rightSection={action.shortcut && <Shortcut keys={action.shortcut} />}
        color={DESTRUCTIVE.test(action.id) ? colors.worse : undefined}
        onClick={() => perform(action, currentScreen(client, target))}
      >
        {action.label}
      </Menu.Item>
    )
  })
}
