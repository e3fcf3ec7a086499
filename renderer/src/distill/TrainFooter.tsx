import { NumberInput, Switch } from '@mantine/core'
import type { Variant } from '../../../shared/domain'
import { StartFooter } from '../variant/StartFooter'
import { DeviceChoice } from './DeviceChoice'
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

/** Teacher, name, seeds, device, the control, and Start. */
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
      <StartFooter
        form={{ ...train, parent, automatic: train.defaultName }}
        variants={variants}
        role={distils ? 'Teacher' : 'Model'}
        hint={jobs.length > 1 ? `${jobs.length} trainings` : ''}
        blocked={blocked}
        busy={busy}
        onParent={onParent}
      >
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
        <DeviceChoice value={train.device} onChange={train.setDevice} />
      </StartFooter>
    </>
  )
}
