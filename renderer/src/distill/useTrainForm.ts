import { useMemo, useState } from 'react'
import type { Device, Study, TechniqueInfo, Variant } from '../../../shared/domain'
import { FeatureLoss } from '../../../shared/training'
import { fieldsOf, initialValues } from '../variant/schema'
import { trainingFields } from './fields'
import {
  controlOptions,
  controlProblem,
  type DistillForm,
  distillOptions,
  hasLabels,
  type PlannedJob,
  plannedJobs,
  RESPONSES,
} from './options'
import { FIRST_STUDENT, parseStudent, studentName } from './student'

/** The form's own part, from options that are given (a recipe's step) or from nothing. */
export function formFrom(options: Readonly<Record<string, unknown>>): DistillForm {
  const features = FeatureLoss.array().safeParse(options.features ?? [])
  return {
    student: options.student === undefined ? FIRST_STUDENT : parseStudent(options.student),
    init: options.init === 'random' ? 'random' : 'teacher',
    loss: RESPONSES.find(r => r === options.loss) ?? 'kd',
    temperature: typeof options.temperature === 'number' ? options.temperature : 4,
    labelWeight: typeof options.labelWeight === 'number' ? options.labelWeight : 0.1,
    features: features.success ? features.data : [],
  }
}

interface TrainFormInput {
  info: TechniqueInfo
  study: Study
  parent: Variant
  given: Readonly<Record<string, unknown>>
}

/** Everything a training is made from, and the jobs it comes to. */
export function useTrainForm({ info, study, parent, given }: TrainFormInput) {
  const distils = info.id.startsWith('distill.')
  const fields = useMemo(() => fieldsOf(info.schema), [info.schema])
  const { main, advanced } = useMemo(() => trainingFields(fields, info.id), [fields, info.id])
  const [values, setValues] = useState<Record<string, unknown>>(() => ({
    ...initialValues(fields),
    ...given,
  }))
  const [form, setForm] = useState(() => formFrom(given))
  const [name, setName] = useState('')
  const [seed, setSeed] = useState(0)
  const [repeats, setRepeats] = useState(1)
  const [device, setDevice] = useState<Device | null>(null)
  const [wantsControl, setWantsControl] = useState(true)
  const labels = hasLabels(study.datasets)

  const noControl = controlProblem(labels, form)
  const options = distils ? distillOptions(form, values, labels) : values
  const typed = name.trim()
  const defaultName = distils ? studentName(form.student, study.variants) : `${parent.name}, tuned`
  const control = distils && wantsControl && noControl === null && options ? controlOptions(options) : null
  const jobs: PlannedJob[] = options
    ? plannedJobs({ name: typed || defaultName, seed, repeats, options, control })
    : []
  return {
    distils,
    main,
    advanced,
    values,
    setValues,
    form,
    change: (part: Partial<DistillForm>) => setForm(old => ({ ...old, ...part })),
    name,
    setName,
    defaultName,
    seed,
    setSeed,
    repeats,
    setRepeats,
    /** Null: where the settings say. */
    device,
    setDevice,
    wantsControl,
    setWantsControl,
    noControl,
    labels,
    jobs,
  }
}

export type TrainForm = ReturnType<typeof useTrainForm>
