import { Button, NumberInput, Select, Switch, TextInput } from '@mantine/core'
import type { Variant } from '../../../shared/domain'
import { closeDialog } from '../store/ui'
import classes from './distill.module.css'
import { MOST_SEEDS } from './options'
import type { TrainForm } from './useTrainForm'

interface TrainFooterProps {
  train: TrainForm
  parent: Variant
  variants: readonly Variant[]
  blocked: boolean
  busy: boolean
  onParent(id: string): void
}

/** Teacher, name, seeds, the control, and Start. */
export function TrainFooter({ train, parent, variants, blocked, busy, onParent }: TrainFooterProps) {
  const { distils, jobs, noControl } = train
  return (
    <>
      {distils && (
        <Switch
          checked={train.wantsControl && noControl === null}
          disabled={noControl !== null}
          onChange={event => train.setWantsControl(event.currentTarget.checked)}
          label="Also train without the teacher (control)"
          description={
            noControl ??
            'Distillation, by features above all, often hurts: the same student trained on labels alone tells whether it paid.'
          }
        />
      )}
      <div className={classes.footer}>
        <Select
          label={distils ? 'Teacher' : 'Model'}
          data={variants.map(v => ({ value: v.id, label: v.name }))}
          value={parent.id}
          onChange={id => id && onParent(id)}
          allowDeselect={false}
          searchable={variants.length > 12}
          w={170}
        />
        <TextInput
          label="Name"
          placeholder={train.defaultName}
          value={train.name}
          maxLength={160}
          onChange={event => train.setName(event.currentTarget.value)}
          className={classes.name}
        />
        <NumberInput
          label="Seed"
          w={76}
          min={0}
          max={2 ** 31 - 1}
          allowDecimal={false}
          clampBehavior="blur"
          value={train.seed}
          onChange={value => typeof value === 'number' && train.setSeed(value)}
        />
        <NumberInput
          label="Repeat with"
          title="Runs with seeds that follow each other tell what is chance"
          w={100}
          min={1}
          max={MOST_SEEDS}
          allowDecimal={false}
          clampBehavior="strict"
          suffix={train.repeats === 1 ? ' seed' : ' seeds'}
          value={train.repeats}
          onChange={value => typeof value === 'number' && train.setRepeats(value)}
        />
        <div className={classes.footerButtons}>
          <span className={classes.hint} role="status">
            {jobs.length > 1 ? `${jobs.length} trainings` : ''}
          </span>
          <Button variant="default" onClick={closeDialog}>
            Cancel
          </Button>
          <Button type="submit" disabled={blocked} loading={busy}>
            Start
          </Button>
        </div>
      </div>
    </>
  )
}
