import { useCallback, useMemo, useState } from 'react'
import type { Step, Study, TechniqueInfo, Variant } from '../../../shared/domain'
import { pruneNeeds } from '../../../shared/prune'
import { carriedValues, type Field, fieldsOf, initialValues } from '../variant/schema'
import {
  defaultName,
  pruneFields,
  type RecoveryForm,
  recoveryFrom,
  recoveryOptions,
  recoveryProblem,
  trains,
} from './options'
import { NO_WIDTHS, type Widths, widthsFrom } from './widths'

type Values = Record<string, unknown>

interface PruneFormInput {
  methods: readonly TechniqueInfo[]
  study: Study
  parent: Variant
  /** The method to begin with, and values of its options. */
  technique: string | undefined
  given: Readonly<Values>
}

/** What the options need that the study has not. */
export interface Lack {
  message: string
  action: string
  labels: boolean
}

/** Everything that pruning is asked for, and the step it comes to. */
export function usePruneForm({ methods, study, parent, technique, given }: PruneFormInput) {
  const data = study.datasets.length > 0
  const labels = (study.datasets.at(-1)?.task ?? 'none') !== 'none'
  const [chosen, setChosen] = useState(() => methods.find(m => m.id === technique) ?? methods[0])
  const fieldsBy = useMemo(() => new Map(methods.map(m => [m.id, fieldsOf(m.schema)])), [methods])
  const id = chosen?.id ?? ''
  const fields = fieldsBy.get(id) ?? NO_FIELDS
  const places = useMemo(() => pruneFields(fields), [fields])
  const [valuesBy, setValuesBy] = useState<Readonly<Record<string, Values>>>(() => ({
    [id]: { ...initialValues(fields), ...given },
  }))
  const values = valuesBy[id] ?? NO_VALUES
  const [widthsBy, setWidthsBy] = useState<Readonly<Record<string, Widths>>>(() => ({
    [id]: widthsFrom(given.widths),
  }))
  const widths = widthsBy[id] ?? NO_WIDTHS
  const [picked, setRecovery] = useState<RecoveryForm | null>(null)
  // Until a person chooses, it follows the data, which may arrive while the dialog is open.
  const recovery = picked ?? recoveryFrom(given, data)
  const [name, setName] = useState('')
  const [seed, setSeed] = useState(0)
  const structured = fields.some(f => f.name === 'widths')

  function choose(next: string) {
    const info = methods.find(m => m.id === next)
    if (!info || next === id) return
    const own = fieldsBy.get(next) ?? NO_FIELDS
    setValuesBy(old => ({ ...old, [next]: old[next] ?? carriedValues(own, fields, values) }))
    setChosen(info)
  }

  const changeWidths = useCallback(
    (edit: (old: Widths) => Widths) => setWidthsBy(old => ({ ...old, [id]: edit(old[id] ?? NO_WIDTHS) })),
    [id],
  )

  const shape = useMemo(() => {
    const own = [...places.amount, ...places.main, ...places.more].map(f => [f.name, values[f.name]])
    return { ...Object.fromEntries(own), ...(structured ? { widths: widths.now } : {}) }
  }, [places, values, structured, widths.now])
  const training = trains(recovery)
    ? Object.fromEntries(places.training.map(f => [f.name, values[f.name]]))
    : {}
  const options = { ...shape, ...recoveryOptions(recovery), ...training }
  const step: Step = { technique: id, options }
  const automatic = defaultName(id, values, widths.now)
  return {
    methods,
    info: chosen,
    choose,
    places,
    values,
    change: (next: Values) => setValuesBy(old => ({ ...old, [id]: next })),
    structured,
    widths,
    changeWidths,
    forgetWidths: () => setWidthsBy({}),
    recovery,
    setRecovery,
    name,
    setName,
    seed,
    setSeed,
    data,
    labels,
    step,
    /** What the preview is of: recovery changes nothing of it. */
    shape: { technique: id, options: shape } satisfies Step,
    /** What the shape needs, and what recovery needs, that is not there. */
    lack: lackOf(shape, data),
    recoveryLack: recoveryProblem(recovery.kind, { data, labels }),
    automatic,
    parent,
  }
}

const NO_FIELDS: readonly Field[] = []
const NO_VALUES: Values = {}

function lackOf(shape: Readonly<Values>, data: boolean): Lack | null {
  const need = data ? null : pruneNeeds(shape)
  if (!need) return null
  return {
    message: `${need.value.charAt(0).toUpperCase()}${need.value.slice(1)} looks at samples, and this study has no data yet.`,
    action: `Import data, or choose another ${need.option}.`,
    labels: need.labels,
  }
}

export type PruneFormState = ReturnType<typeof usePruneForm>
