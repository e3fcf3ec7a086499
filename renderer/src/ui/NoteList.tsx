import { CircleAlert, Info, TriangleAlert } from 'lucide-react'
import type { Note } from '../../../shared/domain'
import { colors } from './theme'
import classes from './ui.module.css'

const LOOK = {
  info: { icon: Info, color: colors.dim, word: 'Note' },
  warning: { icon: TriangleAlert, color: colors.teacher, word: 'Warning' },
  error: { icon: CircleAlert, color: colors.worse, word: 'Error' },
} as const

const ORDER = ['error', 'warning', 'info'] as const

/** Notes, gravest first, with the node concerned and what to do. */
export function NoteList({ notes, max }: { notes: readonly Note[]; max?: number }) {
  const sorted = [...notes].sort((a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity))
  const shown = max === undefined ? sorted : sorted.slice(0, max)
  return (
    <ul className={classes.notes}>
      {shown.map(note => (
        <NoteItem key={`${note.code} ${note.node ?? ''} ${note.message}`} note={note} />
      ))}
      {shown.length < sorted.length && (
        <li className={classes.noteAction}>and {sorted.length - shown.length} more</li>
      )}
    </ul>
  )
}

function NoteItem({ note }: { note: Note }) {
  const { icon: Icon, color, word } = LOOK[note.severity]
  return (
    <li className={classes.note}>
      <Icon size={15} color={color} className={classes.noteIcon} aria-label={word} />
      <div>
        {note.message} {note.action && <span className={classes.noteAction}>{note.action}</span>}
        {note.node && <div className={classes.noteNode}>{note.node}</div>}
      </div>
    </li>
  )
}
