import { CircleAlert, CircleCheck, CircleHelp, Minus, MoveDown, MoveUp, Scale } from 'lucide-react'
import type { Variant } from '../../../shared/domain'
import type { Clause, Verdict } from '../../../shared/verdict'
import classes from './overview.module.css'

const MARK = {
  good: CircleCheck,
  mixed: Scale,
  bad: CircleAlert,
  neutral: Minus,
  unknown: CircleHelp,
} as const
const ARROW = { better: MoveUp, worse: MoveDown } as const

/** The sentence, large, with a mark of its direction. */
export function VerdictView({
  verdict,
  reference,
  variant,
}: {
  verdict: Verdict
  reference: Variant
  variant: Variant
}) {
  const Mark = MARK[verdict.tone]
  return (
    <div className={classes.verdict}>
      <div className={classes.mark} data-tone={verdict.tone}>
        <Mark size={17} aria-hidden />
      </div>
      <div>
        <p className={classes.sentence}>{verdict.sentence}</p>
        <div className={classes.against}>
          {reference.id === variant.id
            ? variant.parentId === null
              ? 'Every variant is measured against this model.'
              : 'Choose another variant to compare with it.'
            : `${variant.name} compared with ${nameOf(reference)}`}
        </div>
      </div>
    </div>
  )
}

/** The reference's name, with its role where the name does not say it. */
function nameOf(reference: Variant): string {
  const told = reference.parentId !== null || /teacher/i.test(reference.name)
  return told ? reference.name : `${reference.name}, the teacher`
}

/** Speed, size and quality as three figures with how they are known. */
export function VerdictTiles({ verdict, quality }: { verdict: Verdict; quality: string }) {
  return (
    <div className={classes.tiles}>
      <Tile title="Speed" clause={verdict.speed} />
      <Tile title="Size" clause={verdict.size} />
      <Tile title={quality} clause={verdict.quality} />
    </div>
  )
}

function Tile({ title, clause }: { title: string; clause: Clause }) {
  const Arrow = clause.tone === 'better' || clause.tone === 'worse' ? ARROW[clause.tone] : null
  return (
    <div className={classes.tile}>
      <div className={classes.tileTitle}>{title}</div>
      <div className={classes.tileFigure} data-tone={clause.tone}>
        {Arrow && <Arrow size={15} strokeWidth={2.4} aria-label={clause.tone} />}
        {clause.figure}
      </div>
      <div className={classes.tileDetail}>{clause.detail}</div>
    </div>
  )
}
