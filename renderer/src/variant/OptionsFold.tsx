import { ChevronRight } from 'lucide-react'
import { useId, useState } from 'react'
import { SchemaForm } from './SchemaForm'
import { changedValues, type Field } from './schema'
import classes from './variant.module.css'

interface OptionsFoldProps {
  title: string
  fields: readonly Field[]
  values: Record<string, unknown>
  onChange(values: Record<string, unknown>): void
  /** Offered where an option is a list of names. */
  suggestions?: readonly string[]
}

/** Options for the few, in a fold that says how many of them were changed. */
export function OptionsFold({ title, fields, values, onChange, suggestions }: OptionsFoldProps) {
  const [open, setOpen] = useState(false)
  const id = useId()
  const changed = Object.keys(changedValues(fields, values)).length
  if (fields.length === 0) return null
  return (
    <>
      <button
        type="button"
        className={classes.fold}
        aria-expanded={open}
        aria-controls={id}
        onClick={() => setOpen(o => !o)}
      >
        <ChevronRight size={14} aria-hidden />
        {title}
        <span className={classes.foldDetail}>
          {changed > 0
            ? `${changed} changed`
            : fields
                .slice(0, 5)
                .map(f => f.title.toLowerCase())
                .join(', ')}
          {changed === 0 && fields.length > 5 && ' …'}
        </span>
      </button>
      <div id={id} hidden={!open}>
        {open && (
          <SchemaForm fields={fields} values={values} onChange={onChange} suggestions={suggestions ?? []} />
        )}
      </div>
    </>
  )
}
