import { Loader } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useRef } from 'react'
import type { ErrorData } from '../../../shared/errors'
import { formatBytes, formatCount } from '../../../shared/format'
import type { StudentPreview } from '../../../shared/training'
import { useQuery } from '../store/query'
import { ErrorNotice } from '../ui/ErrorNotice'
import { NoteList } from '../ui/NoteList'
import { latencyWords } from '../variant/Advice'
import classes from './distill.module.css'

export interface StudentTrial {
  /** The newest answer; the one before stays until it is there. */
  preview: StudentPreview | undefined
  /** Why this student cannot be made. */
  error: ErrorData | undefined
  asking: boolean
  /** The answer is of another student than the one chosen now. */
  stale: boolean
}

/** What a student would be, asked again a moment after it changes. `student` is the engine's text, or null. */
export function useStudentTrial(parent: string, student: string | null): StudentTrial {
  const [settled] = useDebouncedValue(student, 300)
  const key = settled === null ? null : `distill/preview/${parent}/${settled}`
  const query = useQuery(key, client => client.distill.preview({ parent, student: settled ?? '' }))
  const last = useRef<{ parent: string; preview: StudentPreview } | null>(null)
  if (query.data) last.current = { parent, preview: query.data }
  const preview = query.data ?? (last.current?.parent === parent ? last.current.preview : undefined)
  return {
    preview,
    error: student !== null && student === settled ? query.error : undefined,
    asking: student !== null && (query.loading || student !== settled),
    stale: student !== preview?.student,
  }
}

interface PreviewPanelProps {
  trial: StudentTrial
  /** Why there is no student to try. */
  problem: string | null
}

/** The student beside its teacher in numbers. */
export function PreviewPanel({ trial, problem }: PreviewPanelProps) {
  const { preview, error, asking, stale } = trial
  return (
    <section className={classes.preview} aria-label="What the student would be" aria-live="polite">
      <div className={classes.previewHead}>
        <h3>Before → after</h3>
        {asking && <Loader size={12} aria-label="Asking" />}
      </div>
      {problem && <p className={classes.hint}>{problem}</p>}
      {!problem && error && <ErrorNotice error={error} />}
      {!problem && !error && <Numbers preview={preview} stale={stale} />}
    </section>
  )
}

function Numbers({ preview, stale }: { preview: StudentPreview | undefined; stale: boolean }) {
  const teacher = preview?.teacher
  return (
    <div data-stale={stale || undefined} className={classes.numbers}>
      <Change
        label="Parameters"
        before={teacher?.parameters}
        after={preview?.parameters}
        format={formatCount}
      />
      <Change label="MACs" before={teacher?.macs} after={preview?.macs} format={formatCount} />
      <Change label="Size" before={teacher?.sizeBytes} after={preview?.sizeBytes} format={formatBytes} />
      <Latency preview={preview} />
      {preview && preview.notes.length > 0 && (
        <NoteList
          notes={preview.notes.map(message => ({ code: message, severity: 'info' as const, message }))}
          max={4}
        />
      )}
    </div>
  )
}

interface ChangeProps {
  label: string
  before: number | undefined
  after: number | undefined
  format(value: number): string
}

/** '−75 %', '+3 %', 'same'. */
export function percentText(before: number, after: number): string {
  const percent = before > 0 ? Math.round((after / before - 1) * 100) : 0
  return percent === 0 ? 'same' : percent > 0 ? `+${percent} %` : `−${-percent} %`
}

function Change({ label, before, after, format }: ChangeProps) {
  const known = before !== undefined && after !== undefined
  const most = known ? Math.max(before, after, 1) : 1
  return (
    <div className={classes.change}>
      <span className={classes.changeLabel}>{label}</span>
      <span className={classes.changeText}>{known ? `${format(before)} → ${format(after)}` : '…'}</span>
      <span className={classes.changePercent}>{known ? percentText(before, after) : ''}</span>
      <span className={classes.changeBar} aria-hidden>
        <span data-side="teacher" style={{ width: `${((before ?? 0) / most) * 100}%` }} />
        <span data-side="student" style={{ width: `${((after ?? 0) / most) * 100}%` }} />
      </span>
    </div>
  )
}

function Latency({ preview }: { preview: StudentPreview | undefined }) {
  const latency = preview?.latency
  return (
    <div className={classes.latency}>
      <span className={classes.changeLabel}>Speed</span>
      <div>
        <div className={classes.latencyValue}>
          {preview ? (latency ? latencyWords(latency) : 'could not be run') : '…'}
        </div>
        <div className={classes.hint}>
          {latency
            ? `expected, one sample at a time: ${percent(latency.ratio)} of the teacher's time (${percent(latency.low)} to ${percent(latency.high)})`
            : ' '}
        </div>
      </div>
    </div>
  )
}

function percent(ratio: number): string {
  return `${Math.round(ratio * 100)} %`
}
