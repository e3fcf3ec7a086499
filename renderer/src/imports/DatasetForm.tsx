import { Button, SegmentedControl, Select, TagsInput, TextInput } from '@mantine/core'
import { useState } from 'react'
import type {
  ArrayPreprocessing,
  DataProbe,
  DatasetSpec,
  ImagePreprocessing,
  Preprocessing,
  TensorInfo,
} from '../../../shared/domain'
import { Preprocessing as PreprocessingSchema } from '../../../shared/domain'
import type { ErrorData } from '../../../shared/errors'
import { formatExact } from '../../../shared/format'
import { takesPast } from '../../../shared/text-roles'
import { asErrorData } from '../client'
import { teacherOf, useApp } from '../store/app'
import { useClient } from '../store/connection'
import { closeDialog, type Dialog, openDialog } from '../store/ui'
import { ErrorNotice } from '../ui/ErrorNotice'
import { NoteList } from '../ui/NoteList'
import { useFocusAtFirst } from '../ui/useFocusAtFirst'
import { SchemaForm } from '../variant/SchemaForm'
import classes from './imports.module.css'
import { labelMisfit } from './labels'
import { PIXEL_PRESETS, preprocessingFields } from './preprocessing-fields'
import { SamplePreviewPane } from './SamplePreviewPane'
import { SplitForm } from './SplitForm'
import { NEW_TEXT, TextForm, textInputs } from './TextForm'

interface DatasetFormProps {
  study: string
  file: string
  name: string
  probe: DataProbe
  onOther(): void
  next: Dialog | undefined
}

const FORMAT_NAMES: Record<DataProbe['format'], string> = {
  images: 'Pictures',
  npz: 'NumPy archive',
  npy: 'NumPy array',
  idx: 'IDX',
  csv: 'CSV',
  jsonl: 'JSON lines',
  parquet: 'Parquet',
  txt: 'Plain text',
}

const TABLES = new Set<DataProbe['format']>(['csv', 'jsonl', 'parquet', 'txt'])

/** Choices on how a source becomes a dataset, with what the model would see. */
export function DatasetForm({ study, file, name: given, probe, onOther, next }: DatasetFormProps) {
  const client = useClient()
  const [name, setName] = useState(given.replace(/\.[a-z0-9]+$/i, ''))
  const [spec, setSpec] = useState<DatasetSpec>(probe.suggestion)
  const [error, setError] = useState<ErrorData | null>(null)
  const [busy, setBusy] = useState(false)
  const inputs = useApp(s => teacherOf(s.study)?.summary.inputs) ?? []
  const outputs = useApp(s => teacherOf(s.study)?.summary.outputs) ?? []
  const misfit = labelMisfit(spec.task === 'classification' || !spec.task ? probe.classes.length : 0, outputs)
  const first = useFocusAtFirst<HTMLInputElement>()
  const change = (part: Partial<DatasetSpec>) => setSpec(old => ({ ...old, ...part }))

  async function start() {
    setBusy(true)
    setError(null)
    try {
      await client.datasets.import({ study, file, name: name.trim() || given, spec })
      if (next) openDialog(next)
      else closeDialog()
    } catch (thrown) {
      setError(asErrorData(thrown))
      setBusy(false)
    }
  }

  // That nothing fitted is said of the data without a tokenizer; with one that was chosen, the preview tells.
  const text = spec.preprocessing?.kind === 'text' ? spec.preprocessing : null
  const chosen = text !== null && text.tokenizer !== NEW_TEXT.tokenizer
  const notes = chosen ? probe.notes.filter(n => n.code !== 'does-not-fit') : probe.notes

  return (
    <form
      onSubmit={event => {
        event.preventDefault()
        void start()
      }}
    >
      <div className={classes.dataset}>
        <div className={classes.choices}>
          <div className={classes.file} style={{ marginBottom: 12 }}>
            <div style={{ flex: 1, minWidth: 0 }}>
              <strong>{FORMAT_NAMES[probe.format]}</strong>
              <div className={classes.dim}>
                {formatExact(probe.count)} samples
                {probe.classes.length > 0 &&
                  `, ${probe.classes.length} classes: ${probe.classes.slice(0, 6).join(', ')}${probe.classes.length > 6 ? '…' : ''}`}
              </div>
            </div>
            <Button size="compact-xs" variant="subtle" color="gray" onClick={onOther}>
              Other data
            </Button>
          </div>
          {notes.length > 0 && <NoteList notes={notes} max={5} />}
          {misfit && <NoteList notes={[misfit]} />}
          <div className={classes.grid} style={{ marginTop: 10 }}>
            <TextInput
              label="Name"
              data-autofocus
              ref={first}
              value={name}
              maxLength={200}
              onChange={e => setName(e.currentTarget.value)}
            />
            <TaskChoice probe={probe} spec={spec} onChange={task => change({ task })} />
          </div>
          {probe.format !== 'images' && (
            <Mapping probe={probe} spec={spec} inputs={inputs} onChange={change} />
          )}
          <TextChoice probe={probe} spec={spec} inputs={inputs} onChange={change} />
          <h3>Split</h3>
          <SplitForm split={spec.split} count={probe.count} onChange={split => change({ split })} />
          {spec.preprocessing && spec.preprocessing.kind !== 'text' && (
            <PreprocessingForm
              value={spec.preprocessing}
              onChange={preprocessing => change({ preprocessing })}
            />
          )}
        </div>
        <div className={classes.preview}>
          <SamplePreviewPane study={study} file={file} spec={spec} count={probe.count} />
        </div>
      </div>
      {error && (
        <div style={{ marginTop: 10 }}>
          <ErrorNotice error={error} />
        </div>
      )}
      <div className={classes.footer}>
        <Button variant="default" onClick={closeDialog}>
          Cancel
        </Button>
        <Button type="submit" loading={busy}>
          Import {formatExact(probe.count)} samples
        </Button>
      </div>
    </form>
  )
}

const TASKS = [
  { value: 'classification', label: 'Classes' },
  { value: 'regression', label: 'Numbers' },
  { value: 'none', label: 'No labels' },
] as const

function TaskChoice({
  probe,
  spec,
  onChange,
}: {
  probe: DataProbe
  spec: DatasetSpec
  onChange(task: NonNullable<DatasetSpec['task']>): void
}) {
  return (
    <div>
      <div style={{ fontSize: 12, fontWeight: 500, marginBottom: 3 }} id="task-label">
        What the labels are
      </div>
      <SegmentedControl
        aria-labelledby="task-label"
        fullWidth
        // Unsaid, it is what the engine finds.
        value={spec.task ?? (probe.classes.length > 0 ? 'classification' : 'none')}
        data={TASKS.map(t => ({ ...t }))}
        onChange={value => {
          const task = TASKS.find(t => t.value === value)
          if (task) onChange(task.value)
        }}
      />
    </div>
  )
}

interface MappingProps {
  probe: DataProbe
  spec: DatasetSpec
  inputs: readonly TensorInfo[]
  onChange(part: Partial<DatasetSpec>): void
}

/** Texts: their form, or a way to it where the table has columns of text and the model takes whole numbers. */
function TextChoice({ probe, spec, inputs, onChange }: MappingProps) {
  const { preprocessing } = spec
  if (preprocessing?.kind === 'text') {
    return (
      <>
        <TextForm probe={probe} spec={spec} value={preprocessing} inputs={inputs} onChange={onChange} />
        <Button
          size="compact-xs"
          variant="subtle"
          color="gray"
          onClick={() => onChange({ preprocessing: undefined, inputs: {} })}
        >
          The data holds numbers, not text
        </Button>
      </>
    )
  }
  const hasText = probe.fields.some(f => f.type === 'string' && f.name !== spec.labels)
  if (!TABLES.has(probe.format) || !hasText || textInputs(inputs, NEW_TEXT).length === 0) return null
  return (
    <Button
      size="compact-xs"
      variant="default"
      mt={10}
      onClick={() => onChange({ preprocessing: NEW_TEXT, inputs: {} })}
    >
      The data holds text: use a tokenizer
    </Button>
  )
}

/** Which arrays or columns feed which input, and which holds the labels. */
function Mapping({ probe, spec, inputs, onChange }: MappingProps) {
  const fields = probe.fields.map(f => f.name)
  const describe = (name: string) => {
    const field = probe.fields.find(f => f.name === name)
    return field
      ? `${name}  (${field.type}${field.shape.length > 0 ? ` ${field.shape.join('×')}` : ''})`
      : name
  }
  if (fields.length === 0) return null
  const { preprocessing } = spec
  const texts = preprocessing?.kind === 'text' ? textInputs(inputs, preprocessing).map(t => t.input.name) : []
  const free = inputs.filter(i => !texts.includes(i.name) && !takesPast(i))
  return (
    <>
      <h3>Inputs and labels</h3>
      <div className={classes.stack} style={{ gap: 10 }}>
        {free.map(input => (
          <TagsInput
            key={input.name}
            label={`Feeds ${input.name}`}
            description={`${input.type}, ${input.shape.join(' × ')}`}
            data={fields}
            renderOption={({ option }) => describe(option.value)}
            value={spec.inputs[input.name] ?? []}
            placeholder={spec.inputs[input.name]?.length ? '' : 'by name, else by order'}
            onChange={names => onChange({ inputs: { ...spec.inputs, [input.name]: names } })}
          />
        ))}
        <Select
          label="Labels"
          data={fields.map(f => ({ value: f, label: describe(f) }))}
          value={spec.labels ?? null}
          clearable
          placeholder={spec.labels === null ? 'none' : 'found by the usual names'}
          onChange={labels => onChange({ labels })}
        />
      </div>
    </>
  )
}

function PreprocessingForm({
  value,
  onChange,
}: {
  value: ImagePreprocessing | ArrayPreprocessing
  onChange(next: Preprocessing): void
}) {
  const put = (values: Record<string, unknown>) => {
    const next = PreprocessingSchema.safeParse({ ...values, kind: value.kind })
    if (next.success) onChange(next.data)
  }
  return (
    <>
      <h3>Preprocessing</h3>
      {value.kind === 'image' && (
        <div style={{ display: 'flex', gap: 6, margin: '4px 0 6px', flexWrap: 'wrap' }}>
          {PIXEL_PRESETS.map(preset => (
            <Button
              key={preset.title}
              size="compact-xs"
              variant="default"
              onClick={() => put({ ...value, ...preset.values })}
            >
              {preset.title}
            </Button>
          ))}
        </div>
      )}
      <SchemaForm fields={preprocessingFields(value)} values={{ ...value }} onChange={put} />
    </>
  )
}
