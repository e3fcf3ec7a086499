import {
  JsonInput,
  MultiSelect,
  NumberInput,
  SegmentedControl,
  Select,
  Stack,
  Switch,
  TagsInput,
  TextInput,
} from '@mantine/core'
import { type ReactNode, useState } from 'react'
import { type Field, titleOf, unionValue } from './schema'

interface FieldInputProps {
  id: string
  field: Field
  value: unknown
  suggestions: readonly string[]
  onChange(value: unknown): void
  /** The form of an object inside the option. */
  nested(
    fields: readonly Field[],
    values: Record<string, unknown>,
    onChange: (values: Record<string, unknown>) => void,
  ): ReactNode
}

/** Longer lists of choices fold into a menu. */
const MOST_SEGMENTS = 4

/** An empty option: left out where it is optional, else null. */
function blank(field: Field): null | undefined {
  return field.initial === undefined ? undefined : null
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

/** The input that fits an option. */
export function FieldInput({ id, field, value, suggestions, onChange, nested }: FieldInputProps) {
  const label = `${id}-label`
  switch (field.kind) {
    case 'switch':
      return (
        <Switch id={id} checked={value === true} onChange={event => onChange(event.currentTarget.checked)} />
      )
    case 'choice':
      return <Choice id={id} field={field} value={value} onChange={onChange} />
    case 'number':
      return (
        <NumberInput
          id={id}
          w={150}
          title={typeof value === 'number' ? String(value) : undefined}
          value={typeof value === 'number' ? value : ''}
          min={field.min}
          max={field.max}
          step={field.step}
          allowDecimal={!field.integer}
          clampBehavior="blur"
          placeholder={field.nullable ? 'automatic' : undefined}
          onChange={next => {
            if (typeof next === 'number') onChange(next)
            else if (field.nullable) onChange(blank(field))
          }}
        />
      )
    case 'text':
      return (
        <TextInput
          id={id}
          value={typeof value === 'string' ? value : ''}
          onChange={event => onChange(event.currentTarget.value || (field.nullable ? blank(field) : ''))}
        />
      )
    case 'texts':
      if (field.choices.length > 0) {
        return (
          <MultiSelect
            id={id}
            data={field.choices}
            value={Array.isArray(value) ? value.map(String) : []}
            onChange={onChange}
            placeholder={Array.isArray(value) && value.length > 0 ? undefined : 'None'}
            searchable
            clearable
            maxDropdownHeight={220}
          />
        )
      }
      return (
        <TagsInput
          id={id}
          // Nodes may share a name, where one has none and is called by what it makes; the list takes each once.
          data={[...new Set(suggestions)]}
          limit={60}
          maxDropdownHeight={220}
          value={Array.isArray(value) ? value.map(String) : []}
          placeholder={suggestions.length > 0 ? 'Type to find a node' : 'Type and press Enter'}
          onChange={onChange}
          clearable
        />
      )
    case 'numbers':
      return <Numbers id={id} value={value} onChange={onChange} />
    case 'group':
      return nested(field.fields, record(value), onChange)
    case 'union': {
      const tag = String(record(value)[field.key] ?? '')
      const chosen = field.cases.find(c => c.tag === tag)
      return (
        <Stack gap="xs">
          <SegmentedControl
            aria-labelledby={label}
            value={tag}
            data={field.cases.map(c => ({ value: c.tag, label: c.title }))}
            onChange={next =>
              onChange(
                unionValue(
                  field.key,
                  field.cases.find(c => c.tag === next),
                ),
              )
            }
            w="fit-content"
          />
          {chosen && chosen.fields.length > 0 && nested(chosen.fields, record(value), onChange)}
        </Stack>
      )
    }
    case 'json':
      return <Json id={id} value={value} onChange={onChange} />
  }
}

interface PartProps {
  id: string
  value: unknown
  onChange(value: unknown): void
}

function Choice({ id, field, value, onChange }: PartProps & { field: Field & { kind: 'choice' } }) {
  const data = field.choices.map(c => ({ value: String(c), label: choiceLabel(c) }))
  const back = (text: string) => field.choices.find(c => String(c) === text)
  const letters = data.reduce((sum, d) => sum + d.label.length, 0)
  if (data.length <= MOST_SEGMENTS && letters <= 36 && !field.nullable) {
    return (
      <SegmentedControl
        id={id}
        aria-labelledby={`${id}-label`}
        value={String(value)}
        data={data}
        onChange={next => onChange(back(next))}
      />
    )
  }
  return (
    <Select
      id={id}
      w={200}
      data={data}
      value={value === null || value === undefined ? null : String(value)}
      allowDeselect={field.nullable}
      clearable={field.nullable}
      placeholder={field.nullable ? 'automatic' : undefined}
      onChange={next => onChange(next === null ? blank(field) : back(next))}
    />
  )
}

/** Names that are written otherwise than their option. */
const NAMES: Readonly<Record<string, string>> = {
  rgb: 'RGB',
  bgr: 'BGR',
  adamw: 'AdamW',
  sgd: 'SGD',
  mse: 'MSE',
}

/** Values that are written in capitals or numbers stay so: U8S8, 32. */
function choiceLabel(choice: string | number): string {
  if (typeof choice === 'number' || /[A-Z0-9]/.test(choice)) return String(choice)
  return NAMES[choice] ?? titleOf(choice)
}

/** '0.485, 0.456' → [0.485, 0.456]; undefined where a part is no number. */
export function parseNumbers(text: string): number[] | undefined {
  const parts = text.split(/[\s,;]+/).filter(part => part !== '')
  const numbers = parts.map(Number)
  return numbers.some(n => !Number.isFinite(n)) ? undefined : numbers
}

function Numbers({ id, value, onChange }: PartProps) {
  const current = Array.isArray(value) ? value.join(', ') : ''
  const [draft, setDraft] = useState<string | null>(null)
  const wrong = draft !== null && parseNumbers(draft) === undefined
  return (
    <TextInput
      id={id}
      value={draft ?? current}
      error={wrong ? 'Numbers, separated by commas' : undefined}
      onChange={event => {
        const text = event.currentTarget.value
        setDraft(text)
        const numbers = parseNumbers(text)
        if (numbers) onChange(numbers)
      }}
      onBlur={() => !wrong && setDraft(null)}
    />
  )
}

function Json({ id, value, onChange }: PartProps) {
  const [draft, setDraft] = useState(() => JSON.stringify(value, null, 2))
  return (
    <JsonInput
      id={id}
      value={draft}
      autosize
      minRows={2}
      maxRows={8}
      formatOnBlur
      validationError="This is not JSON"
      onChange={text => {
        setDraft(text)
        try {
          onChange(JSON.parse(text))
        } catch {
          // Half-typed JSON is no value yet; the field says so.
        }
      }}
    />
  )
}
