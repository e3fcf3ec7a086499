import { CircleCheck, CircleMinus, CircleX, Sparkles } from 'lucide-react'
import { useState } from 'react'
import type { Prediction } from '../../../shared/domain'
import { formatShare } from '../../../shared/format'
import { colors } from '../ui/theme'
import classes from './predictions.module.css'

/** Characters that two lines can hold. */
const EXCERPT = 400

const OUTCOME = {
  fixed: { icon: Sparkles, word: 'fixed' },
  broken: { icon: CircleX, word: 'broken' },
  'both-wrong': { icon: CircleMinus, word: 'both wrong' },
  'both-right': { icon: CircleCheck, word: 'both right' },
} as const

/** What became of the sample, as icon, word and colour. */
export function Outcome({ outcome, alone }: { outcome: Prediction['outcome']; alone: boolean }) {
  if (!outcome) return null
  const { icon: Icon, word: both } = OUTCOME[outcome]
  const word = alone ? both.replace('both ', '') : both
  return (
    <span className={classes.outcome} data-outcome={outcome} title={word}>
      <Icon size={12} aria-hidden />
      <span>{word}</span>
    </span>
  )
}

/** The sample's picture; small ones keep their pixels. */
export function SamplePicture({ sample }: { sample: Prediction }) {
  const [small, setSmall] = useState(false)
  if (!sample.image) return null
  return (
    <img
      src={sample.image}
      alt={`Sample ${sample.index}`}
      loading="lazy"
      draggable={false}
      data-small={small || undefined}
      onLoad={event => setSmall(event.currentTarget.naturalWidth < 128)}
    />
  )
}

interface AnswerProps {
  who: string
  answer: { output: string; confidence: number | null }
  color: string
  label: string | null
}

/** One model's answer with its confidence. */
export function Answer({ who, answer, color, label }: AnswerProps) {
  const wrong = label !== null && answer.output !== label && answer.confidence !== null
  return (
    <div
      className={classes.answer}
      title={`${who}: ${answer.output}${answer.confidence === null ? '' : `, ${formatShare(answer.confidence, 1)} sure`}`}
    >
      <span className={classes.dot} style={{ background: color }} />
      <span className="ellipsis" style={wrong ? { color: colors.worse } : undefined}>
        {answer.output}
      </span>
      <span className={classes.dim}>
        {answer.confidence === null ? '' : formatShare(answer.confidence, 0)}
      </span>
      {answer.confidence !== null && (
        <span className={classes.meter}>
          <span style={{ width: `${answer.confidence * 100}%`, background: color }} />
        </span>
      )}
    </div>
  )
}

/** Whose answers are shown; no reference where a model stands alone. */
export interface Names {
  reference: string | null
  variant: string
}

interface SampleProps {
  sample: Prediction
  names: Names
  active: boolean
  id: string
  onOpen(): void
}

/** A sample with its picture. */
export function SampleCard({ sample, names, active, id, onOpen }: SampleProps) {
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid handles keys for all its samples
    <div
      id={id}
      role="option"
      tabIndex={-1}
      aria-selected={active}
      data-active={active || undefined}
      className={classes.card}
      onClick={onOpen}
    >
      <div className={classes.picture}>
        <SamplePicture sample={sample} />
        <Outcome outcome={sample.outcome} alone={names.reference === null} />
      </div>
      <div className={classes.answers}>
        <div className={classes.truth}>
          <span className="ellipsis">
            {sample.label !== null && (
              <>
                label <strong>{sample.label}</strong>
              </>
            )}
          </span>
          <span>#{sample.index}</span>
        </div>
        {names.reference !== null && (
          <Answer
            who={names.reference}
            answer={sample.reference}
            color={colors.teacher}
            label={sample.label}
          />
        )}
        <Answer who={names.variant} answer={sample.variant} color={colors.variant} label={sample.label} />
      </div>
    </div>
  )
}

/** A sample's text, or both of a pair. It may say and contain anything: it is shown as characters, set apart. */
export function SampleText({ texts }: { texts: readonly string[] }) {
  return (
    <>
      {texts.map((text, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: one text or two, in their order
        <span key={i} className={classes.text} dir="auto">
          {text === '' ? <span className={classes.dim}>empty</span> : text}
        </span>
      ))}
    </>
  )
}

/** A sample without a picture: one line, below its text where it is one. */
export function SampleLine({ sample, names, active, id, onOpen }: SampleProps) {
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid handles keys for all its samples
    <div
      id={id}
      role="option"
      tabIndex={-1}
      aria-selected={active}
      data-active={active || undefined}
      data-text={sample.texts ? true : undefined}
      className={classes.line}
      onClick={onOpen}
    >
      {sample.texts && (
        <div className={classes.excerpt}>
          <SampleText texts={sample.texts.map(text => text.slice(0, EXCERPT))} />
        </div>
      )}
      <div className={classes.which}>
        <strong className="ellipsis" title={sample.label ?? undefined}>
          {sample.label}
        </strong>
        <span className={classes.dim}>#{sample.index}</span>
      </div>
      {names.reference !== null && (
        <Answer who={names.reference} answer={sample.reference} color={colors.teacher} label={sample.label} />
      )}
      <Answer who={names.variant} answer={sample.variant} color={colors.variant} label={sample.label} />
      {sample.outcome ? (
        <Outcome outcome={sample.outcome} alone={names.reference === null} />
      ) : (
        <span className={classes.dim}>Δ {sample.distance.toPrecision(2)}</span>
      )}
    </div>
  )
}
