import { useCallback, useMemo, useState } from 'react'
import type { Step, TechniqueInfo, Variant } from '../../../shared/domain'
import { changed, type History, historyOf } from '../ui/history'
import { MIXED, STATIC } from '../variant/kinds'
import { carriedValues, type Field, fieldsOf, initialValues } from '../variant/schema'
import { defaultName, quantizeFields, searchName } from './options'

export type Values = Readonly<Record<string, unknown>>
/** By hand, or searched. */
export type Mode = 'hand' | 'search'

interface QuantizeFormInput {
  techniques: readonly TechniqueInfo[]
  parent: Variant
  /** The technique to begin with, and values of its options. */
  technique: string
  given: Values
}

const NO_FIELDS: readonly Field[] = []

/** Everything that a quantization to 8 bits is asked for, with the way back, and the step it comes to. */
export function useQuantizeForm({ techniques, parent, technique, given }: QuantizeFormInput) {
  const byHand = techniques.find(t => t.id === STATIC)
  const search = techniques.find(t => t.id === MIXED)
  const fields = useMemo(() => (byHand ? fieldsOf(byHand.schema) : NO_FIELDS), [byHand])
  const searchFields = useMemo(() => (search ? fieldsOf(search.schema) : NO_FIELDS), [search])
  const [mode, setMode] = useState<Mode>(() => (technique === MIXED && search ? 'search' : 'hand'))
  const [history, setHistory] = useState<History<Values>>(() => historyOf(begun(fields, given)))
  // What is chosen by hand holds for the search too, until it is chosen otherwise there.
  const [searched, setSearched] = useState<Values | null>(() =>
    technique === MIXED ? begun(searchFields, given) : null,
  )
  const [name, setName] = useState('')
  const [seed, setSeed] = useState(0)
  const values = history.now
  const places = useMemo(() => quantizeFields(fields), [fields])
  const searchPlaces = useMemo(() => quantizeFields(searchFields), [searchFields])
  const change = useCallback(
    (next: Values, of: string | null = null) =>
      setHistory(old => (JSON.stringify(next) === JSON.stringify(old.now) ? old : changed(old, next, of))),
    [],
  )
  const searchValues = searched ?? carriedValues(searchFields, fields, { ...values })
  const step: Step =
    mode === 'search' ? { technique: MIXED, options: searchValues } : { technique: STATIC, options: values }
  return {
    parent,
    info: mode === 'search' ? search : byHand,
    mode,
    setMode,
    canSearch: search !== undefined,
    fields,
    places,
    values,
    change,
    history,
    setHistory,
    /** The options that layers are chosen in now. */
    current: mode === 'search' ? searchValues : values,
    edit: mode === 'search' ? setSearched : change,
    searchFields,
    searchPlaces,
    searchValues,
    setSearchValues: setSearched,
    name,
    setName,
    seed,
    setSeed,
    step,
    automatic: mode === 'search' ? searchName(searchValues) : defaultName(fields, values),
  }
}

function begun(fields: readonly Field[], given: Values): Values {
  const known = Object.entries(given).filter(([name]) => fields.some(f => f.name === name))
  return { ...initialValues(fields), ...Object.fromEntries(known) }
}

export type QuantizeForm = ReturnType<typeof useQuantizeForm>
