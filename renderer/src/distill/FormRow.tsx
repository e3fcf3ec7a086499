import type { ReactNode } from 'react'
import classes from '../variant/variant.module.css'

interface FormRowProps {
  title: string
  /** Of the input the title is the label of; the id of the label itself is this with `-label`. */
  id: string
  description?: ReactNode
  children: ReactNode
  /** The input below its title instead of at its right. */
  wide?: boolean
}

/** One line of a form, as the forms made from a schema have them. */
export function FormRow({ title, id, description, children, wide = false }: FormRowProps) {
  return (
    <div className={classes.field} data-wide={wide || undefined}>
      <div>
        <div className={classes.fieldTitle}>
          <label id={`${id}-label`} htmlFor={id}>
            {title}
          </label>
        </div>
        {description && <div className={classes.fieldDescription}>{description}</div>}
      </div>
      <div className={classes.fieldInput}>{children}</div>
    </div>
  )
}
