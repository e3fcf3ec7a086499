import { useEffect } from 'react'
import type { DesktopMessage } from '../../../shared/desktop'
import { useClient } from '../store/connection'
import { openDialog } from '../store/ui'
import { currentScreen } from './action'
import { ACTIONS, perform } from './actions'

function isDesktopMessage(data: unknown): data is DesktopMessage {
  return (
    typeof data === 'object' && data !== null && 'type' in data && String(data.type).startsWith('desktop:')
  )
}

/** Does what the desktop asks: its menu's actions, and models opened from outside. */
export function useDesktopMessages(): void {
  const client = useClient()
  useEffect(() => {
    function receive(event: MessageEvent) {
      if (event.source !== window || !isDesktopMessage(event.data)) return
      const message = event.data
      if (message.type === 'desktop:open') openDialog({ kind: 'import-model', grant: message.grant })
      const action = message.type === 'desktop:action' && ACTIONS.find(a => a.id === message.id)
      if (action) perform(action, currentScreen(client))
    }
    window.addEventListener('message', receive)
    return () => window.removeEventListener('message', receive)
  }, [client])
}
