/** Notes for reading: one line for what is said of many nodes. */
import type { Note } from '../../shared/domain'

export interface NoteGroup {
  note: Note
  /** The message without the node's name, where the group has several. */
  message: string
  nodes: string[]
}

const GRAVITY = { error: 0, warning: 1, info: 2 }

/** Groups notes that say the same of different nodes; gravest first, else in their order. */
export function groupNotes(notes: readonly Note[]): NoteGroup[] {
  const groups = new Map<string, NoteGroup>()
  for (const note of notes) {
    const message = note.node ? note.message.replace(` ${note.node} `, ' ') : note.message
    const key = JSON.stringify([note.severity, note.code, message, note.action])
    const group = groups.get(key)
    if (!group) groups.set(key, { note, message: note.message, nodes: note.node ? [note.node] : [] })
    else {
      group.message = message
      if (note.node) group.nodes.push(note.node)
    }
  }
  return [...groups.values()].sort((a, b) => GRAVITY[a.note.severity] - GRAVITY[b.note.severity])
}
