import { NumberInput, Select } from '@mantine/core'
import { OptionsFold } from '../variant/OptionsFold'
import type { Field } from '../variant/schema'
import { RECOVERIES, type RecoveryForm, type RecoveryKind, recoveryProblem, trains } from './options'
import classes from './prune.module.css'

const WORDS: Record<RecoveryKind, { title: string; about: string }> = {
  distill: {
    title: 'Distil from the original',
    about: 'It learns to answer as the original does.',
  },
  labels: { title: 'Fine-tune on labels', about: 'It goes on learning from the labels.' },
  statistics: {
    title: 'Statistics only',
    about: 'Biases and normalization anew, in seconds.',
  },
  none: { title: 'None', about: 'The model as it is after pruning.' },
}

interface RecoveryPartProps {
  recovery: RecoveryForm
  data: boolean
  labels: boolean
  fields: readonly Field[]
  values: Record<string, unknown>
  onRecovery(recovery: RecoveryForm): void
  onValues(values: Record<string, unknown>): void
}

/** What brings accuracy back, and for how long. */
export function RecoveryPart(props: RecoveryPartProps) {
  const { recovery, data, labels, fields, values, onRecovery, onValues } = props
  const problem = (kind: RecoveryKind) => recoveryProblem(kind, { data, labels })
  return (
    <section aria-label="Recovery" className={classes.part}>
      <h3 className={classes.heading}>Recovery</h3>
      <div className={classes.recovery}>
        <Select
          aria-label="Recovery"
          className={classes.recoveryKind}
          data={RECOVERIES.map(kind => ({
            value: kind,
            label: WORDS[kind].title,
            disabled: problem(kind) !== null,
          }))}
          value={recovery.kind}
          allowDeselect={false}
          onChange={next => {
            const kind = RECOVERIES.find(r => r === next)
            if (kind) onRecovery({ ...recovery, kind })
          }}
        />
        <NumberInput
          aria-label="Recovery epochs"
          w="7rem"
          value={trains(recovery) ? recovery.epochs : ''}
          placeholder="–"
          disabled={!trains(recovery)}
          min={1}
          max={100_000}
          allowDecimal={false}
          clampBehavior="blur"
          suffix={recovery.epochs === 1 ? ' epoch' : ' epochs'}
          onChange={epochs =>
            typeof epochs === 'number' && epochs >= 1 && onRecovery({ ...recovery, epochs })
          }
        />
      </div>
      <p className={classes.about}>
        {problem(recovery.kind) ??
          (data ? WORDS[recovery.kind].about : 'Recovery needs data; this study has none yet.')}
      </p>
      {trains(recovery) && (
        <OptionsFold title="Training" fields={fields} values={values} onChange={onValues} />
      )}
    </section>
  )
}
