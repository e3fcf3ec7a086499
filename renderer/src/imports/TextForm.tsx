import { Button, Select, TagsInput } from '@mantine/core'
import { FileUp } from 'lucide-react'
import { useEffect, useRef } from 'react'
import type { DataProbe, DatasetSpec, TensorInfo, TextPreprocessing, TextRole } from '../../../shared/domain'
import { usualRole } from '../../../shared/text-roles'
import { ErrorNotice } from '../ui/ErrorNotice'
import { SchemaForm } from '../variant/SchemaForm'
import type { Field } from '../variant/schema'
import classes from './imports.module.css'
import { fromInput } from './picked'
import { useGrant } from './useGrant'

const ROLES: { value: TextRole; label: string }[] = [
  { value: 'ids', label: 'Token numbers' },
  { value: 'mask', label: 'Mask: 1 for tokens, 0 for padding' },
  { value: 'types', label: 'Token types: first or second text' },
  { value: 'positions', label: 'Positions' },
]

/** Text preprocessing as a person starts with it: the tokenizer beside the data. */
export const NEW_TEXT: TextPreprocessing = {
  kind: 'text',
  tokenizer: 'tokenizer.json',
  padding: 'max',
  multiple: 8,
  truncation: true,
  roles: {},
}

/** Inputs that text feeds, with what each takes: as chosen, else by its name. */
export function textInputs(
  inputs: readonly TensorInfo[],
  { roles }: TextPreprocessing,
): { input: TensorInfo; role: TextRole | null }[] {
  return inputs
    .filter(i => i.shape.length === 2 && (i.type.includes('int') || roles[i.name]))
    .map(input => ({ input, role: roles[input.name] ?? usualRole(input.name) ?? null }))
}

/** Length and padding; a model of one length leaves nothing to choose. */
export function textFields(inputs: readonly TensorInfo[], of: TextPreprocessing): Field[] {
  const fixed = textInputs(inputs, of).some(({ input }) => Number(input.shape[1]) > 0)
  const base = { description: '', nullable: false } as const
  const cut: Field = {
    ...base,
    kind: 'switch',
    name: 'truncation',
    title: 'Cut longer texts',
    description: 'Otherwise they are refused.',
    initial: true,
  }
  // Asked only of data for models that continue texts.
  const samples: Field[] =
    of.samples === undefined
      ? []
      : [
          {
            ...base,
            kind: 'choice',
            name: 'samples',
            title: 'A sample is',
            description: 'windows: long texts make several, nothing is left out; texts: their ends are cut.',
            choices: ['windows', 'texts'],
            initial: 'windows',
          },
        ]
  const ends = of.samples === 'windows' ? samples : [...samples, cut]
  if (fixed) return ends
  const length: Field = {
    ...base,
    kind: 'number',
    name: 'maxLength',
    title: 'Tokens at most',
    description: 'Special tokens included; no more than the model was trained for.',
    nullable: true,
    initial: undefined,
    min: 1,
    max: 65_536,
    integer: true,
    step: 1,
  }
  const padding: Field = {
    ...base,
    kind: 'choice',
    name: 'padding',
    title: 'Fill up to',
    description: 'max: all samples alike; longest: as long as the longest of its batch.',
    choices: ['max', 'longest'],
    initial: 'max',
  }
  return [length, padding, ...ends]
}

interface TextFormProps {
  probe: DataProbe
  spec: DatasetSpec
  value: TextPreprocessing
  inputs: readonly TensorInfo[]
  onChange(part: Partial<DatasetSpec>): void
}

/** Which tokenizer cuts the texts, which columns hold them, and which input takes what. */
export function TextForm({ probe, spec, value, inputs, onChange }: TextFormProps) {
  const fed = textInputs(inputs, value)
  const put = (part: Partial<TextPreprocessing>) => onChange({ preprocessing: { ...value, ...part } })
  const texts = probe.fields.filter(f => f.type === 'string' && f.name !== spec.labels).map(f => f.name)
  const columns = fed.map(({ input }) => spec.inputs[input.name] ?? []).find(names => names.length > 0) ?? []
  return (
    <>
      <h3>Text</h3>
      <div className={classes.stack} style={{ gap: 10 }}>
        <TokenizerChoice
          tokenizer={value.tokenizer}
          onChange={tokenizer => put({ tokenizer, digest: undefined })}
        />
        <TagsInput
          label="Column of text"
          description="Two for pairs of texts"
          data={texts}
          maxTags={2}
          value={columns}
          placeholder={columns.length > 0 ? '' : 'found by the usual names'}
          onChange={names =>
            onChange({
              inputs: { ...spec.inputs, ...Object.fromEntries(fed.map(({ input }) => [input.name, names])) },
            })
          }
        />
        {fed.map(({ input, role }) => (
          <Select
            key={input.name}
            label={`${input.name} takes`}
            data={ROLES}
            value={role}
            allowDeselect={false}
            placeholder="nothing known by its name"
            onChange={chosen => {
              const known = ROLES.find(r => r.value === chosen)
              if (known) put({ roles: { ...value.roles, [input.name]: known.value } })
            }}
          />
        ))}
        <SchemaForm
          fields={textFields(inputs, value)}
          values={{ ...value }}
          onChange={values => put(textChoices(values))}
        />
      </div>
    </>
  )
}

/** What the fields hold; a length that is cleared is left to the engine. */
function textChoices(values: Record<string, unknown>): Partial<TextPreprocessing> {
  const { maxLength, padding, truncation, samples } = values
  return {
    maxLength: typeof maxLength === 'number' ? maxLength : undefined,
    padding: padding === 'longest' ? 'longest' : 'max',
    truncation: truncation !== false,
    ...(samples === 'windows' || samples === 'texts' ? { samples } : {}),
  }
}

/** The tokenizer.json in use, and a way to choose another. */
function TokenizerChoice({ tokenizer, onChange }: { tokenizer: string; onChange(id: string): void }) {
  const granting = useGrant(undefined)
  const file = useRef<HTMLInputElement>(null)
  const { grant } = granting
  const latest = useRef(onChange)
  latest.current = onChange
  useEffect(() => {
    if (grant) latest.current(grant.id)
  }, [grant])
  const name = grant?.id === tokenizer ? grant.name : tokenizer.split(/[\\/]/).at(-1)
  return (
    <div>
      <div className={classes.file}>
        <div style={{ flex: 1, minWidth: 0 }}>
          <div className={classes.dim}>Tokenizer</div>
          <strong className="ellipsis">{granting.busy ? 'Bringing it in…' : name}</strong>
        </div>
        <Button
          size="compact-xs"
          variant="default"
          leftSection={<FileUp size={13} aria-hidden />}
          onClick={() => file.current?.click()}
        >
          Choose a tokenizer.json…
        </Button>
        <input
          ref={file}
          type="file"
          hidden
          accept=".json"
          aria-label="Choose a tokenizer"
          onChange={event => granting.pick(fromInput(event.currentTarget.files))}
        />
      </div>
      {granting.error && <ErrorNotice error={granting.error} onClose={granting.reset} />}
    </div>
  )
}
