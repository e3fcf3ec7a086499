/** A plan's decisions in short: how many of what, and the single values. Works for any technique's plan. */
import type { Note } from '../../../shared/domain'
import { isRecord, optionText } from './option-rows'

export interface DecisionFact {
  name: string
  value: string
}

/** One fact per decision: lists and maps by their length, values as they are. */
export function decisionFacts(decisions: Readonly<Record<string, unknown>>): DecisionFact[] {
  return Object.entries(decisions).flatMap(([key, value]) => {
    const name = spaced(key)
    if (Array.isArray(value)) return [{ name, value: value.length.toLocaleString('en-US') }]
    if (isRecord(value)) return [{ name, value: Object.keys(value).length.toLocaleString('en-US') }]
    if (value === null || value === undefined) return []
    return [{ name, value: typeof value === 'number' ? value.toLocaleString('en-US') : optionText(value) }]
  })
}

function spaced(key: string): string {
  return key.replace(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase()
}

/** Notes whose text, node or action holds every word of the search. */
export function searchNotes(notes: readonly Note[], search: string): Note[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  return notes.filter(note => {
    const text = `${note.message} ${note.node ?? ''} ${note.action ?? ''} ${note.code}`.toLowerCase()
    return words.every(word => text.includes(word))
  })
}
