import { useEffect } from 'react'
import { useClient } from '../store/connection'
import { currentScreen } from './action'
import { ACTIONS, perform } from './actions'
import { actionForKey } from './keyboard'

/** Listens for the shortcuts of all actions. */
export function useShortcuts(): void {
  const client = useClient()
  useEffect(() => {
    function press(event: KeyboardEvent) {
      if (event.defaultPrevented || event.repeat) return
      const action = actionForKey(event, ACTIONS)
      if (action && perform(action, currentScreen(client))) event.preventDefault()
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [client])
}
