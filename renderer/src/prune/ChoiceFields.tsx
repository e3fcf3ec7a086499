import { Select } from '@mantine/core'
import type { Field } from '../variant/schema'
import { titleOf } from '../variant/schema'
import classes from './prune.module.css'
import { CHOICES } from './words'

interface ChoiceFieldsProps {
  fields: readonly Field[]
  values: Readonly<Record<string, unknown>>
  onChange(change: Record<string, unknown>): void
}

/** What goes first and where: each choice with a line about what is chosen. */
export function ChoiceFields({ fields, values, onChange }: ChoiceFieldsProps) {
  return fields.map(field => {
    if (field.kind !== 'choice') return null
    const words = CHOICES[field.name] ?? {}
    const value = String(values[field.name])
    return (
      <div key={field.name}>
        <Select
          label={field.title}
          data={field.choices.map(c => ({
            value: String(c),
            label: words[String(c)]?.title ?? titleOf(String(c)),
          }))}
          value={value}
          allowDeselect={false}
          maxDropdownHeight={280}
          onChange={next => next && onChange({ [field.name]: next })}
        />
        <p className={classes.about}>{words[value]?.about ?? ''}</p>
      </div>
    )
  })
}
