import { Anchor, Button, Group, Select, TextInput } from '@mantine/core'
import { Wand2 } from 'lucide-react'
import { useMemo, useState } from 'react'
import type { TechniqueInfo, Variant } from '../../../shared/domain'
import type { ErrorData } from '../../../shared/errors'
import { askingWords, type DataNeed, needOf } from '../../../shared/needs'
import { TRIED_BEFOREHAND } from '../../../shared/quantize'
import { asErrorData } from '../client'
import { Tried } from '../quantize/Tried'
import { teacherOf, useApp } from '../store/app'
import { useClient } from '../store/connection'
import { useQuery } from '../store/query'
import { closeDialog, openDialog, techniqueDialog } from '../store/ui'
import { EmptyState } from '../ui/EmptyState'
import { ErrorNotice } from '../ui/ErrorNotice'
import { NoteList } from '../ui/NoteList'
import { AdvicePanel } from './Advice'
import { hasOwnDialog } from './kinds'
import { SchemaForm } from './SchemaForm'
import { changedValues, fieldsOf, initialValues } from './schema'
import { TechniqueList } from './TechniqueList'
import classes from './variant.module.css'

interface NewVariantDialogProps {
  parent: string
  technique?: string
  /** Values to begin with, for that technique. */
  options?: Readonly<Record<string, unknown>>
}

/** Choice of technique and options, with what to expect; starts a job for each variant. */
export function NewVariantDialog({ parent: parentId, technique, options }: NewVariantDialogProps) {
  const techniques = useApp(s => s.info?.techniques ?? NONE)
  const study = useApp(s => s.study)
  const [parent, setParent] = useState(parentId)
  const [chosen, setChosen] = useState(technique ?? techniques[0]?.id ?? '')
  const info = techniques.find(t => t.id === chosen) ?? techniques[0]
  const variant = study?.variants.find(v => v.id === parent) ?? teacherOf(study)
  if (!info || !variant || !study) {
    return (
      <EmptyState icon={Wand2} title="Nothing to make a variant with">
        Import a model first.
      </EmptyState>
    )
  }
  const open = (id: string) => openDialog(techniqueDialog(id, variant.id))
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: a shortcut for the button Start
    <div
      className={classes.dialog}
      onKeyDown={event => {
        if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
        event.preventDefault()
        event.currentTarget.querySelector('form')?.requestSubmit()
      }}
    >
      <TechniqueList
        techniques={techniques}
        chosen={info.id}
        onChoose={setChosen}
        onOpen={id => (hasOwnDialog(id) ? open(id) : setChosen(id))}
      />
      {hasOwnDialog(info.id) ? (
        <OwnIntro info={info} onOpen={() => open(info.id)} />
      ) : (
        <Options
          key={info.id}
          info={info}
          parent={variant}
          variants={study.variants}
          data={study.datasets.at(-1)?.hash ?? null}
          given={info.id === technique ? options : undefined}
          onParent={setParent}
        />
      )}
    </div>
  )
}

const NONE: TechniqueInfo[] = []

/** Some techniques have a dialog of their own; this leads there from the keyboard. */
function OwnIntro({ info, onOpen }: { info: TechniqueInfo; onOpen(): void }) {
  return (
    <form
      className={classes.options}
      onSubmit={event => {
        event.preventDefault()
        onOpen()
      }}
    >
      <div className={classes.scroll}>
        <p className={classes.summary}>{info.summary}</p>
      </div>
      <div className={classes.footer}>
        <Button type="submit" ml="auto">
          {info.title}…
        </Button>
      </div>
    </form>
  )
}

interface OptionsProps {
  info: TechniqueInfo
  parent: Variant
  variants: readonly Variant[]
  /** Hash of the study's current data. */
  data: string | null
  given: Readonly<Record<string, unknown>> | undefined
  onParent(id: string): void
}

function Options({ info, parent, variants, data, given, onParent }: OptionsProps) {
  const client = useClient()
  const fields = useMemo(() => fieldsOf(info.schema), [info.schema])
  const [values, setValues] = useState<Record<string, unknown>>(() => ({
    ...initialValues(fields),
    ...given,
  }))
  const [name, setName] = useState('')
  const [error, setError] = useState<ErrorData | null>(null)
  const [busy, setBusy] = useState(false)
  const [started, setStarted] = useState(0)
  const layers = useQuery(`study/layers/${parent.id}`, c => c.variants.layers({ id: parent.id }))
  const nodes = useMemo(() => layers.data?.map(l => l.name) ?? [], [layers.data])
  const step = useMemo(() => ({ technique: info.id, options: values }), [info.id, values])
  const need = data === null ? needOf(info, values) : null
  const lacksData = need !== null
  const tried = TRIED_BEFOREHAND.includes(info.id)
  const changed = Object.keys(changedValues(fields, values)).length

  async function start(another: boolean) {
    setBusy(true)
    setError(null)
    try {
      await client.variants.create({ parent: parent.id, step, seed: 0, name: name.trim() || undefined })
      if (!another) return closeDialog()
      setStarted(n => n + 1)
      setName('')
    } catch (thrown) {
      setError(asErrorData(thrown))
    }
    setBusy(false)
  }

  return (
    <form
      className={classes.options}
      onSubmit={event => {
        event.preventDefault()
        if (!lacksData) void start(false)
      }}
    >
      <div className={classes.scroll}>
        <p className={classes.summary}>
          {info.summary}{' '}
          {/^https?:/.test(info.reference) && (
            <Anchor href={info.reference} target="_blank" rel="noreferrer" size="xs">
              Method
            </Anchor>
          )}
        </p>
        {!/^https?:/.test(info.reference) && info.reference && (
          <p className={classes.reference}>Method: {info.reference}</p>
        )}
        {need && (
          <div className={classes.needs}>
            <NoteList
              notes={[
                {
                  code: 'needs-data',
                  severity: 'warning',
                  message: lackWords(info.title, need),
                },
              ]}
            />
            <Button
              variant="default"
              onClick={() =>
                openDialog({
                  kind: 'import-data',
                  next: { kind: 'new-variant', parent: parent.id, technique: info.id, options: values },
                })
              }
            >
              Import data…
            </Button>
          </div>
        )}
        {tried && <Tried parent={parent} step={step} data={data} />}
        <AdvicePanel parent={parent} step={step} estimates={!tried} />
        <div className={classes.optionsHead}>
          <h3>Options</h3>
          {changed > 0 && (
            <Button
              size="compact-xs"
              variant="subtle"
              color="gray"
              onClick={() => setValues(initialValues(fields))}
            >
              Reset {changed} changed
            </Button>
          )}
        </div>
        {fields.length === 0 && <p className={classes.summary}>This technique has no options.</p>}
        <SchemaForm fields={fields} values={values} onChange={setValues} suggestions={nodes} />
      </div>
      {error && <ErrorNotice error={error} onClose={() => setError(null)} />}
      <div className={classes.footer}>
        <Select
          label="Made from"
          data={variants.map(v => ({ value: v.id, label: v.name }))}
          value={parent.id}
          onChange={id => id && onParent(id)}
          allowDeselect={false}
          searchable={variants.length > 12}
          w={180}
        />
        <TextInput
          label="Name"
          placeholder={info.title}
          value={name}
          maxLength={200}
          onChange={event => setName(event.currentTarget.value)}
          style={{ flex: 1, minWidth: 120 }}
        />
        <Group gap="xs">
          <span className={classes.started} role="status">
            {started > 0 && `${started} started`}
          </span>
          <Button variant="default" disabled={lacksData || busy} onClick={() => void start(true)}>
            Start, and another
          </Button>
          <Button type="submit" disabled={lacksData} loading={busy}>
            Start
          </Button>
        </Group>
      </div>
    </form>
  )
}

function lackWords(title: string, { needs, option }: DataNeed): string {
  const what = option ? `${title} with ${askingWords(option)}` : title
  const samples =
    needs === 'labels' ? 'labelled samples' : option ? 'samples to look at' : 'samples to calibrate on'
  return `${what} needs ${samples}, and this study has no data yet.`
}
