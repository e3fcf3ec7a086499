import { ActionIcon, Tooltip } from '@mantine/core'
import { RotateCcw } from 'lucide-react'
import { useId } from 'react'
import { FieldInput } from './FieldInput'
import type { Field } from './schema'
import classes from './variant.module.css'

interface SchemaFormProps {
  fields: readonly Field[]
  values: Record<string, unknown>
  onChange(values: Record<string, unknown>): void
  /** Offered where an option is a list of names. */
  suggestions?: readonly string[]
}

/** A form made from a schema: title, description, input, and a way back to the default. */
export function SchemaForm({ fields, values, onChange, suggestions = [] }: SchemaFormProps) {
  return (
    <div className={classes.form}>
      {fields.map(field => (
        <FieldRow
          key={field.name}
          field={field}
          value={values[field.name]}
          suggestions={suggestions}
          onChange={value => onChange({ ...values, [field.name]: value })}
        />
      ))}
    </div>
  )
}

interface FieldRowProps {
  field: Field
  value: unknown
  suggestions: readonly string[]
  onChange(value: unknown): void
}

function FieldRow({ field, value, suggestions, onChange }: FieldRowProps) {
  const id = useId()
  const changed = JSON.stringify(value) !== JSON.stringify(field.initial)
  const nested = field.kind === 'group' || field.kind === 'union'
  const wide = nested || field.kind === 'texts' || field.kind === 'json'
  return (
    <div className={classes.field} data-wide={wide || undefined}>
      <div className={classes.fieldText}>
        <div className={classes.fieldTitle}>
          <label id={`${id}-label`} htmlFor={id}>
            {field.title}
          </label>
          <span className={classes.reset} data-shown={changed || undefined}>
            {changed && (
              <Tooltip label="Back to the default">
                <ActionIcon
                  size="xs"
                  aria-label={`Reset ${field.title}`}
                  onClick={() => onChange(field.initial)}
                >
                  <RotateCcw size={12} aria-hidden />
                </ActionIcon>
              </Tooltip>
            )}
          </span>
        </div>
        {field.description && <div className={classes.fieldDescription}>{field.description}</div>}
      </div>
      <div className={classes.fieldInput}>
        <FieldInput
          id={id}
          field={field}
          value={value}
          suggestions={suggestions}
          onChange={onChange}
          nested={(fields, values, change) => (
            <SchemaForm fields={fields} values={values} suggestions={suggestions} onChange={change} />
          )}
        />
      </div>
    </div>
  )
}
