import { MultiSelect, NumberInput, SegmentedControl } from '@mantine/core'
import { useId } from 'react'
import type { Variant } from '../../../shared/domain'
import { FormRow } from './FormRow'
import { type DistillForm, hasTemperature, labelWeightFixed, RESPONSES } from './options'
import { ShareInput } from './ShareInput'
import { MODEL_PREFIX } from './student'

const RESPONSE_WORDS: Record<DistillForm['loss'], { title: string; about: string }> = {
  kd: {
    title: 'Soft labels (KD)',
    about: 'Divergence from the teacher’s probabilities, softened by a temperature (Hinton 2015).',
  },
  dkd: {
    title: 'Decoupled (DKD)',
    about: 'The target class and the others weighted apart (Zhao 2022).',
  },
  'logits-mse': {
    title: 'Logits (MSE)',
    about: 'Mean squared error against the teacher’s logits. Also for regression.',
  },
  none: { title: 'None', about: 'Learns from labels, and from feature losses where there are some.' },
}

interface LossFormProps {
  form: DistillForm
  labels: boolean
  /** Models that may teach as well, and those that do, as `variant:ID`. */
  models: readonly Variant[]
  teachers: readonly string[]
  onChange(change: Partial<DistillForm>): void
  onTeachers(teachers: string[]): void
}

/** What the student is to learn: the teacher's answers, the labels, and how much of each. */
export function LossForm({ form, labels, models, teachers, onChange, onTeachers }: LossFormProps) {
  const id = useId()
  const fixed = labelWeightFixed(labels, form.loss)
  return (
    <div>
      <FormRow title="Distillation loss" id={`${id}-loss`} description={RESPONSE_WORDS[form.loss].about} wide>
        <SegmentedControl
          id={`${id}-loss`}
          aria-labelledby={`${id}-loss-label`}
          value={form.loss}
          data={RESPONSES.map(value => ({ value, label: RESPONSE_WORDS[value].title }))}
          onChange={value => onChange({ loss: RESPONSES.find(r => r === value) ?? 'kd' })}
        />
      </FormRow>
      <FormRow
        title="Temperature"
        id={`${id}-temperature`}
        description={
          hasTemperature(form.loss)
            ? 'Higher is softer: it tells more of the classes the teacher rules out.'
            : 'Only KD and DKD have one.'
        }
      >
        <NumberInput
          id={`${id}-temperature`}
          w={76}
          min={0.1}
          max={100}
          step={0.5}
          value={form.temperature}
          disabled={!hasTemperature(form.loss)}
          clampBehavior="blur"
          onChange={next => typeof next === 'number' && next > 0 && onChange({ temperature: next })}
        />
      </FormRow>
      <FormRow
        title="Label weight"
        id={`${id}-labels`}
        description={
          fixed ?? 'Share of the cross entropy with the labels; the rest is the distillation loss.'
        }
      >
        <LabelWeight
          id={`${id}-labels`}
          value={!labels ? 0 : form.loss === 'none' ? 1 : form.labelWeight}
          disabled={fixed !== null}
          onChange={labelWeight => onChange({ labelWeight })}
        />
      </FormRow>
      {models.length > 0 && (
        <FormRow
          title="Further teachers"
          id={`${id}-teachers`}
          description="Models of the study whose answers are learnt from as well, with equal weight."
          wide
        >
          <MultiSelect
            id={`${id}-teachers`}
            data={models.map(v => ({ value: `${MODEL_PREFIX}${v.id}`, label: v.name }))}
            value={[...teachers]}
            onChange={onTeachers}
            maxValues={8}
            placeholder={teachers.length === 0 ? 'None' : undefined}
            disabled={form.loss === 'none'}
            searchable
            clearable
            maxDropdownHeight={200}
          />
        </FormRow>
      )}
    </div>
  )
}

interface LabelWeightProps {
  id: string
  value: number
  disabled: boolean
  onChange(value: number): void
}

function LabelWeight(props: LabelWeightProps) {
  return <ShareInput {...props} label="Label weight" min={0} max={1} step={0.05} />
}
