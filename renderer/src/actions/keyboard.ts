import type { Action } from './action'

const MAC = typeof navigator !== 'undefined' && /mac/i.test(navigator.platform)

interface KeyLike {
  key: string
  ctrlKey: boolean
  metaKey: boolean
  shiftKey: boolean
  altKey: boolean
}

/** Whether a key event is the shortcut. Letters match without shift; signs such as '?' match however they are typed. */
export function matchesShortcut(event: KeyLike, shortcut: string, mac = MAC): boolean {
  const parts = shortcut.split('+')
  const key = parts.pop() ?? ''
  const mod = mac ? event.metaKey : event.ctrlKey
  const otherMod = mac ? event.ctrlKey : event.metaKey
  if (mod !== parts.includes('mod') || otherMod || event.altKey !== parts.includes('alt')) return false
  const named = key.length > 1 || /[a-z0-9]/i.test(key)
  if (named && event.shiftKey !== parts.includes('shift')) return false
  return event.key.toLowerCase() === key.toLowerCase()
}

/** Parts of a shortcut as they are written on this machine's keys: ['⌘', 'K']. */
export function shortcutKeys(shortcut: string, mac = MAC): string[] {
  const names: Record<string, string> = mac
    ? { mod: '⌘', shift: '⇧', alt: '⌥' }
    : { mod: 'Ctrl', shift: 'Shift', alt: 'Alt' }
  return shortcut.split('+').map(part => names[part] ?? (part.length === 1 ? part.toUpperCase() : part))
}

/** True where keys belong to what has the focus: text fields, and anything inside an open dialog or menu. */
export function keysBelongElsewhere(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target.isContentEditable) return true
  if (target.closest('[role="dialog"], [role="menu"], [role="listbox"]')) return true
  return target instanceof HTMLInputElement
    ? !['checkbox', 'radio', 'button', 'range'].includes(target.type)
    : target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement
}

/** The action a key event asks for, if any. */
export function actionForKey<A extends Pick<Action, 'shortcut' | 'global'>>(
  event: KeyLike & { target: EventTarget | null },
  actions: readonly A[],
): A | undefined {
  const elsewhere = keysBelongElsewhere(event.target)
  return actions.find(
    action => action.shortcut && (action.global || !elsewhere) && matchesShortcut(event, action.shortcut),
  )
}
