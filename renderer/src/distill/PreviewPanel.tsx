import { Loader } from '@mantine/core'
import { formatBytes, formatCount } from '../../../shared/format'
import type { StudentPreview } from '../../../shared/training'
import { type Trial, useTrial } from '../store/trial'
import { BeforeAfter, SpeedAfter } from '../ui/BeforeAfter'
import { ErrorNotice } from '../ui/ErrorNotice'
import { NoteList } from '../ui/NoteList'
import classes from './distill.module.css'

/** What a student would be, asked again a moment after it changes. `student` is the engine's text, or null. */
export function useStudentTrial(parent: string, student: string | null): Trial<StudentPreview> {
  return useTrial(`distill/preview/${parent}`, student, (client, text) =>
    client.distill.preview({ parent, student: text }),
  )
}

interface PreviewPanelProps {
  trial: Trial<StudentPreview>
  /** Why there is no student to try. */
  problem: string | null
}

/** The student beside its teacher in numbers. */
export function PreviewPanel({ trial, problem }: PreviewPanelProps) {
  const { answer, error, asking, stale } = trial
  return (
    <section className={classes.preview} aria-label="What the student would be" aria-live="polite">
      <div className={classes.previewHead}>
        <h3>Before → after</h3>
        {asking && <Loader size={12} aria-label="Asking" />}
      </div>
      {problem && <p className={classes.hint}>{problem}</p>}
      {!problem && error && <ErrorNotice error={error} />}
      {!problem && !error && <Numbers preview={answer} stale={stale} />}
    </section>
  )
}

function Numbers({ preview, stale }: { preview: StudentPreview | undefined; stale: boolean }) {
  const teacher = preview?.teacher
  return (
    <div data-stale={stale || undefined} className={classes.numbers}>
      <BeforeAfter
        label="Parameters"
        before={teacher?.parameters}
        after={preview?.parameters}
        format={formatCount}
      />
      <BeforeAfter label="MACs" before={teacher?.macs} after={preview?.macs} format={formatCount} />
      <BeforeAfter label="Size" before={teacher?.sizeBytes} after={preview?.sizeBytes} format={formatBytes} />
      <SpeedAfter latency={preview?.latency} of="the teacher's time" />
      {preview && preview.notes.length > 0 && (
        <NoteList
          notes={preview.notes.map(message => ({ code: message, severity: 'info' as const, message }))}
          max={4}
        />
      )}
    </div>
  )
}
