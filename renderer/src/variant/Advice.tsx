import { Loader } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useRef } from 'react'
import type { Advice, Step, Variant } from '../../../shared/domain'
import { formatBytes } from '../../../shared/format'
import { useQuery } from '../store/query'
import { ErrorNotice } from '../ui/ErrorNotice'
import { latencyWords } from '../ui/latency-words'
import { NoteList } from '../ui/NoteList'
import classes from './variant.module.css'

interface AdvicePanelProps {
  parent: Variant
  step: Step
  /** Size and speed by rule of thumb: not where it is really tried. */
  estimates: boolean
}

/** What to expect of a step on the parent, asked again a moment after the options change. */
export function AdvicePanel({ parent, step, estimates }: AdvicePanelProps) {
  const [settled] = useDebouncedValue(step, 250)
  const key = `study/advice/${parent.id}/${JSON.stringify(settled)}`
  const query = useQuery(key, client => client.techniques.advise({ variant: parent.id, step: settled }))
  // The advice before stays until the new one is there: nothing jumps while typing.
  const last = useRef<{ technique: string; advice: Advice } | null>(null)
  if (query.data) last.current = { technique: settled.technique, advice: query.data }
  const advice = query.data ?? (last.current?.technique === step.technique ? last.current.advice : undefined)
  return (
    <aside
      className={classes.advice}
      data-notes={!estimates || undefined}
      aria-label="What to expect"
      aria-live="polite"
    >
      {estimates && <Estimates parent={parent} advice={advice} loading={query.loading} />}
      {query.error && <ErrorNotice error={query.error} />}
      {advice && !query.error && <NoteList notes={advice.notes} max={6} />}
    </aside>
  )
}

interface EstimatesProps {
  parent: Variant
  advice: Advice | undefined
  loading: boolean
}

function Estimates({ parent, advice, loading }: EstimatesProps) {
  return (
    <div className={classes.estimates}>
      <Estimate
        label="Size"
        value={
          advice ? (advice.sizeBytes === null ? 'cannot be told' : `≈ ${formatBytes(advice.sizeBytes)}`) : '…'
        }
        detail={
          advice?.sizeBytes
            ? `${Math.round((advice.sizeBytes / parent.summary.sizeBytes) * 100)} % of ${formatBytes(parent.summary.sizeBytes)}`
            : ''
        }
      />
      <Estimate
        label="Speed"
        value={advice ? (advice.latencyRatio ? latencyWords(advice.latencyRatio) : 'cannot be told') : '…'}
        detail={advice?.latencyRatio ? 'expected; measured when made' : ''}
      />
      <Estimate label="Accuracy" value="measured when made" detail="it cannot be told beforehand" />
      {loading && <Loader size={12} className={classes.asking} aria-label="Asking" />}
    </div>
  )
}

function Estimate({ label, value, detail }: { label: string; value: string; detail: string }) {
  return (
    <div className={classes.estimate}>
      <div className={classes.estimateLabel}>{label}</div>
      <div className={classes.estimateValue}>{value}</div>
      <div className={classes.estimateDetail}>{detail}</div>
    </div>
  )
}
