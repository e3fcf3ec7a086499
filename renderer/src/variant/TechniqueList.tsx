import type { KeyboardEvent } from 'react'
import type { TechniqueInfo } from '../../../shared/domain'
import { mayNeedData } from '../../../shared/needs'
import classes from './variant.module.css'

const NEEDS = {
  nothing: 'needs no data',
  calibration: 'needs calibration data',
  labels: 'needs labelled data',
} as const

interface TechniqueListProps {
  techniques: readonly TechniqueInfo[]
  chosen: string
  onChoose(id: string): void
  /** A card that was clicked, not only reached with the arrows. */
  onOpen(id: string): void
}

/** Techniques as cards; arrow keys choose. */
export function TechniqueList({ techniques, chosen, onChoose, onOpen }: TechniqueListProps) {
  function key(event: KeyboardEvent) {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0
    const next = step !== 0 && techniques[techniques.findIndex(t => t.id === chosen) + step]
    if (!next) return
    event.preventDefault()
    onChoose(next.id)
    document.getElementById(`technique-${next.id}`)?.focus()
  }
  return (
    <div className={classes.cards} role="radiogroup" aria-label="Technique" onKeyDown={key}>
      {techniques.map(t => (
        // biome-ignore lint/a11y/useSemanticElements: a card with several lines, as one radio button
        <button
          key={t.id}
          id={`technique-${t.id}`}
          type="button"
          role="radio"
          aria-checked={t.id === chosen}
          tabIndex={t.id === chosen ? 0 : -1}
          data-autofocus={t.id === chosen || undefined}
          className={classes.card}
          onClick={() => onOpen(t.id)}
        >
          <span className={classes.cardTitle}>{t.title}</span>
          <span className={classes.cardSummary}>{t.summary}</span>
          <span className={classes.cardNeeds}>
            {mayNeedData(t) ? 'data for some options' : NEEDS[t.needs]}
          </span>
        </button>
      ))}
    </div>
  )
}
