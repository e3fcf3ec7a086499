import { type ReactNode, useEffect } from 'react'
import { closeDialog } from '../store/ui'
import { ErrorNotice } from '../ui/ErrorNotice'
import { type History, stepOfKey } from '../ui/history'
import type { Start } from './start'
import classes from './variant.module.css'

interface StartFrameProps {
  starting: Start
  /** Of the form: its grid. */
  className: string | undefined
  /** Of what is around it. */
  outer?: string | undefined
  /** One column of the two. */
  single?: boolean
  /** Shown in place of the form: a graph to choose on. Escape leads back from it. */
  aside?: ReactNode
  onBack?(): void
  /** Takes a step back or on, where choices have a history. */
  onHistory?: ((step: <T>(history: History<T>) => History<T>) => void) | undefined
  footer: ReactNode
  children: ReactNode
}

/** What is needed of a key that was pressed, whether React tells of it or the window. */
type Key = Pick<
  KeyboardEvent,
  | 'key'
  | 'ctrlKey'
  | 'metaKey'
  | 'shiftKey'
  | 'target'
  | 'defaultPrevented'
  | 'preventDefault'
  | 'stopPropagation'
>

/**
 * A dialog in which a step is chosen and started. Ctrl+Enter starts, Ctrl+Z and Ctrl+Shift+Z go through the choices, and
 * Escape takes one step back: an open list, what stands aside, the dialog.
 */
export function StartFrame(props: StartFrameProps) {
  const { starting, className, outer, single = false, aside, onBack, onHistory, footer, children } = props
  const isAside = aside !== undefined && aside !== null

  function press(event: Key) {
    const step = stepOfKey(event)
    if (event.key === 'Escape') {
      const target = event.target instanceof HTMLElement ? event.target : null
      if (target?.getAttribute('data-mantine-stop-propagation') === 'true' || event.defaultPrevented) return
      event.stopPropagation()
      if (isAside) onBack?.()
      else closeDialog()
    } else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && !isAside) {
      event.preventDefault()
      void starting.start()
    } else if (step && onHistory) {
      event.preventDefault()
      onHistory(step)
    }
  }

  useEffect(() => {
    // A button that goes when it was pressed takes the focus with it: the page has the keys then.
    const lost = (event: KeyboardEvent) => {
      if (event.target === document.body) press(event)
    }
    window.addEventListener('keydown', lost)
    return () => window.removeEventListener('keydown', lost)
  })

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: shortcuts of the buttons inside
    <div onKeyDown={press} className={outer}>
      {aside ?? (
        <form
          className={className}
          data-single={single || undefined}
          onSubmit={event => {
            event.preventDefault()
            void starting.start()
          }}
        >
          {children}
          <div className={classes.startBottom}>
            {starting.error && <ErrorNotice error={starting.error} onClose={starting.forget} />}
            {footer}
          </div>
        </form>
      )}
    </div>
  )
}
