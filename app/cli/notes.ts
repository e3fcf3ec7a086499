/** Notes on a terminal. */
import { groupNotes } from '../../main/report/notes'
import type { Note } from '../../shared/domain'
import { plain } from './terminal'

/** Notes as lines, gravest first, the same note about several nodes told once. */
export function noteLines(notes: readonly Note[], most = 20): string[] {
  const lines = groupNotes(notes).map(({ note, nodes, message }) => {
    const text = `${note.severity}: ${plain(message)}${note.action ? ` ${plain(note.action)}` : ''}`
    return nodes.length > 0 ? `${text} [${listed(nodes.map(plain))}]` : text
  })
  return lines.length > most
    ? [...lines.slice(0, most), `… and ${lines.length - most} more notes (--json shows all)`]
    : lines
}

function listed(nodes: readonly string[]): string {
  return nodes.length > 4 ? `${nodes.slice(0, 3).join(', ')} and ${nodes.length - 3} more` : nodes.join(', ')
}
