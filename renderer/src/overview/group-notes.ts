import type { Note, Variant } from '../../../shared/domain'

/** Joins notes that say the same of several nodes into one that names them; the order is kept. */
export function groupNotes(notes: readonly Note[]): Note[] {
  const groups = new Map<string, { note: Note; nodes: string[] }>()
  for (const note of notes) {
    const key = JSON.stringify([note.code, note.severity, note.message, note.action])
    const group = groups.get(key) ?? { note, nodes: [] }
    if (note.node !== undefined && !group.nodes.includes(note.node)) group.nodes.push(note.node)
    groups.set(key, group)
  }
  return [...groups.values()].map(({ note, nodes }) =>
    nodes.length > 1 ? { ...note, node: `${nodes.length} nodes: ${nodes.join(', ')}` } : note,
  )
}

/** Everything known about a variant that a person should read: plan, verification, evaluation, model. */
export function notesOf(variant: Variant): Note[] {
  return groupNotes([
    ...(variant.verification?.notes ?? []),
    ...(variant.plan?.notes ?? []),
    ...(variant.evaluation?.notes ?? []),
    ...variant.summary.notes,
  ])
}
