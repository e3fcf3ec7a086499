import type { Note } from '../../../shared/domain'
import type { PruneDeclined, PrunePreview } from '../../../shared/prune'
import { groupNotes } from '../overview/group-notes'
import { NoteList } from '../ui/NoteList'
import classes from './prune.module.css'

/** Parts that may not be changed as notes: those with the same reason together. */
export function declinedNotes(declined: readonly PruneDeclined[]): Note[] {
  return groupNotes(
    declined.map(({ id, reason, node }) => ({
      code: 'declined',
      severity: 'info',
      message: reason,
      node: node || id,
    })),
  )
}

/** What the plan says of itself, and what it leaves alone. */
export function LeftAlone({ preview }: { preview: PrunePreview }) {
  const { notes, declined } = preview
  return (
    <div className={classes.notes}>
      {notes.length > 0 && (
        <NoteList notes={notes.map(message => ({ code: message, severity: 'info' as const, message }))} />
      )}
      <h4>{declined.length === 0 ? 'Nothing is left alone' : 'Left alone'}</h4>
      <NoteList notes={declinedNotes(declined)} />
    </div>
  )
}
