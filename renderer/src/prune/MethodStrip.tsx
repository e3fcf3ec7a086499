import type { KeyboardEvent } from 'react'
import type { TechniqueInfo } from '../../../shared/domain'
import { methodAbout, methodTitle } from './methods'
import classes from './prune.module.css'

interface MethodStripProps {
  methods: readonly TechniqueInfo[]
  chosen: string
  onChoose(id: string): void
}

/** Techniques side by side; arrow keys choose. */
export function MethodStrip({ methods, chosen, onChoose }: MethodStripProps) {
  function key(event: KeyboardEvent) {
    const forward = event.key === 'ArrowRight' || event.key === 'ArrowDown'
    const step = forward ? 1 : event.key === 'ArrowLeft' || event.key === 'ArrowUp' ? -1 : 0
    const next = step !== 0 && methods[methods.findIndex(m => m.id === chosen) + step]
    if (!next) return
    event.preventDefault()
    onChoose(next.id)
    document.getElementById(`method-${next.id}`)?.focus()
  }
  return (
    <div className={classes.methods} role="radiogroup" aria-label="Method" onKeyDown={key}>
      {methods.map(m => (
        // biome-ignore lint/a11y/useSemanticElements: a card with several lines, as one radio button
        <button
          key={m.id}
          id={`method-${m.id}`}
          type="button"
          role="radio"
          aria-checked={m.id === chosen}
          tabIndex={m.id === chosen ? 0 : -1}
          data-autofocus={m.id === chosen || undefined}
          className={classes.method}
          title={m.summary}
          onClick={() => onChoose(m.id)}
        >
          <span className={classes.methodTitle}>{methodTitle(m.id)}</span>
          <span className={classes.methodAbout}>{methodAbout(m)}</span>
        </button>
      ))}
    </div>
  )
}
