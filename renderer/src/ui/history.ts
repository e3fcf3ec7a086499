/** A value that a person changes step by step, with the way back. */

export interface History<T> {
  past: readonly T[]
  now: T
  future: readonly T[]
  /** What the last change was of, where changes of it go on: they are one step back. */
  open: string | null
}

const MOST_STEPS = 200

/** A history that begins here. */
export function historyOf<T>(now: T): History<T> {
  return { past: [], now, future: [], open: null }
}

/** Changes the value. Changes in a row that are of the same thing are one step; null is always a step of its own. */
export function changed<T>(history: History<T>, now: T, of: string | null = null): History<T> {
  const goesOn = of !== null && history.open === of
  const past = goesOn ? history.past : [...history.past, history.now].slice(-MOST_STEPS)
  return { past, now, future: [], open: of }
}

/** The next change of the same thing is a step of its own. */
export function settled<T>(history: History<T>): History<T> {
  return history.open === null ? history : { ...history, open: null }
}

export function undone<T>(history: History<T>): History<T> {
  const { past, now, future } = history
  if (past.length === 0) return history
  // The last of a list that is not empty.
  return { past: past.slice(0, -1), now: past.at(-1) as T, future: [now, ...future], open: null }
}

export function redone<T>(history: History<T>): History<T> {
  const { past, now, future } = history
  if (future.length === 0) return history
  // The first of a list that is not empty.
  return { past: [...past, now], now: future[0] as T, future: future.slice(1), open: null }
}

/** The step that keys ask for: back by mod+Z, again by mod+shift+Z or mod+Y. Text fields have steps of their own. */
export function stepOfKey(event: {
  key: string
  ctrlKey: boolean
  metaKey: boolean
  shiftKey: boolean
  target: EventTarget | null
}): (<T>(history: History<T>) => History<T>) | null {
  if (!(event.ctrlKey || event.metaKey) || !/^[zy]$/i.test(event.key)) return null
  const { target } = event
  if (target instanceof HTMLInputElement && target.type !== 'checkbox' && target.type !== 'radio') return null
  return event.shiftKey || event.key.toLowerCase() === 'y' ? redone : undone
}
