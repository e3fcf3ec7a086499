import { Button } from '@mantine/core'
import { ChevronRight } from 'lucide-react'
import { useId, useState } from 'react'
import { SchemaForm } from '../variant/SchemaForm'
import { changedValues, type Field, initialValues } from '../variant/schema'
import classes from './distill.module.css'

interface TrainingOptionsProps {
  main: readonly Field[]
  advanced: readonly Field[]
  values: Record<string, unknown>
  onChange(values: Record<string, unknown>): void
}

/** How it is trained: the usual choices, and the others in a fold that says how many of them were changed. */
export function TrainingOptions({ main, advanced, values, onChange }: TrainingOptionsProps) {
  const [open, setOpen] = useState(false)
  const id = useId()
  const all = [...main, ...advanced]
  const changed = Object.keys(changedValues(all, values)).length
  const hidden = Object.keys(changedValues(advanced, values)).length
  return (
    <section aria-label="Training">
      <div className={classes.optionsHead}>
        <h3 className={classes.heading}>Training</h3>
        {changed > 0 && (
          <Button
            size="compact-xs"
            variant="subtle"
            color="gray"
            onClick={() => onChange({ ...values, ...initialValues(all) })}
          >
            Reset {changed} changed
          </Button>
        )}
      </div>
      <SchemaForm fields={main} values={values} onChange={onChange} />
      {advanced.length > 0 && (
        <>
          <button
            type="button"
            className={classes.fold}
            aria-expanded={open}
            aria-controls={id}
            onClick={() => setOpen(o => !o)}
          >
            <ChevronRight size={14} aria-hidden />
            Advanced
            <span className={classes.foldDetail}>
              {hidden > 0
                ? `${hidden} changed`
                : advanced
                    .slice(0, 5)
                    .map(f => f.title.toLowerCase())
                    .join(', ')}
              {hidden === 0 && advanced.length > 5 && ' …'}
            </span>
          </button>
          <div id={id} hidden={!open}>
            {open && <SchemaForm fields={advanced} values={values} onChange={onChange} />}
          </div>
        </>
      )}
    </section>
  )
}
