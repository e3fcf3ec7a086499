import { type RefObject, useEffect, useRef } from 'react'

/**
 * Focuses an element when it first appears. A dialog focuses something when it opens; where one step of it gives way to
 * the next, the focus would be lost with the step before, and the keyboard with it.
 */
export function useFocusAtFirst<T extends HTMLElement>(): RefObject<T | null> {
  const ref = useRef<T>(null)
  useEffect(() => ref.current?.focus(), [])
  return ref
}
