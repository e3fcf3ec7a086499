/** A plan's decisions in short: how many of what, and the single values. Works for any technique's plan. */
import type { Note } from '../../../shared/domain'
import { formatBytes, formatCount } from '../../../shared/format'
import { PruneDecisions } from '../../../shared/prune'
import { QuantizeSearch } from '../../../shared/quantize'
import { isRecord, optionText } from './option-rows'

export interface DecisionFact {
  name: string
  value: string
}

/** What a plan of pruning decided, part by part; null for plans of other techniques. */
export function pruneDecisions(decisions: Readonly<Record<string, unknown>>): PruneDecisions | null {
  const parsed = PruneDecisions.safeParse(decisions)
  return parsed.success ? parsed.data : null
}

/** How a plan's search for mixed precision went; null where it had none. */
export function searchDecision({ search }: Readonly<Record<string, unknown>>): QuantizeSearch | null {
  const parsed = QuantizeSearch.safeParse(search)
  return parsed.success ? parsed.data : null
}

/** Said by the facts of pruning, or data for the engine. */
const PRUNED: readonly string[] = [...Object.keys(PruneDecisions.shape), 'rounds', 'latency', 'multiples']

/** One fact per decision: lists and maps by their length, values as they are; of pruning what went, in numbers. */
export function decisionFacts(decisions: Readonly<Record<string, unknown>>): DecisionFact[] {
  const pruned = pruneDecisions(decisions)
  if (!pruned) {
    // Drawn as a chart.
    const { search: _, ...plain } = decisions
    return plainFacts(searchDecision(decisions) ? plain : decisions)
  }
  const rest = Object.entries(decisions).filter(([key]) => !PRUNED.includes(key))
  return [...pruneFacts(pruned), ...plainFacts(Object.fromEntries(rest))]
}

function pruneFacts({ before, after, changes, declined }: PruneDecisions): DecisionFact[] {
  const changed = changes.filter(c => c.to !== c.from).length
  return [
    { name: 'MACs', value: `${formatCount(before.macs)} → ${formatCount(after.macs)}` },
    { name: 'parameters', value: `${formatCount(before.parameters)} → ${formatCount(after.parameters)}` },
    { name: 'weights', value: `${formatBytes(before.bytes)} → ${formatBytes(after.bytes)}` },
    { name: 'changed', value: `${changed} of ${changes.length} parts` },
    { name: 'left alone', value: declined.length.toLocaleString('en-US') },
  ]
}

function plainFacts(decisions: Readonly<Record<string, unknown>>): DecisionFact[] {
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
