import { Button } from '@mantine/core'
import { OptionsFold } from '../variant/OptionsFold'
import { SchemaForm } from '../variant/SchemaForm'
import { changedValues, type Field, initialValues } from '../variant/schema'
import classes from './distill.module.css'

interface TrainingOptionsProps {
  main: readonly Field[]
  advanced: readonly Field[]
  values: Record<string, unknown>
  onChange(values: Record<string, unknown>): void
}

/** How it is trained: the usual choices, and the others in a fold. */
export function TrainingOptions({ main, advanced, values, onChange }: TrainingOptionsProps) {
  const all = [...main, ...advanced]
  const changed = Object.keys(changedValues(all, values)).length
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
      <OptionsFold title="Advanced" fields={advanced} values={values} onChange={onChange} />
    </section>
  )
}
