import { Button, NumberInput, Select, TextInput } from '@mantine/core'
import type { ReactNode } from 'react'
import type { Variant } from '../../../shared/domain'
import { closeDialog } from '../store/ui'
import classes from './variant.module.css'

interface StartFooterProps {
  form: {
    parent: Variant
    name: string
    setName(name: string): void
    /** The name where none is given. */
    automatic: string
    seed: number
    setSeed(seed: number): void
  }
  variants: readonly Variant[]
  /** What the model is to the step. */
  role?: string
  /** Said beside the buttons. */
  hint?: string
  /** Further fields. */
  children?: ReactNode
  /** What the button says. */
  start?: string
  blocked: boolean
  busy: boolean
  onParent(id: string): void
}

/** Model, name, seed, and Start. */
export function StartFooter(props: StartFooterProps) {
  const { form, variants, role = 'Model', start = 'Start', hint, blocked, busy, onParent, children } = props
  return (
    <div className={classes.startFooter}>
      <Select
        label={role}
        data={variants.map(v => ({ value: v.id, label: v.name }))}
        value={form.parent.id}
        onChange={id => id && onParent(id)}
        allowDeselect={false}
        searchable={variants.length > 12}
        w="12rem"
      />
      <TextInput
        label="Name"
        placeholder={form.automatic}
        value={form.name}
        maxLength={160}
        onChange={event => form.setName(event.currentTarget.value)}
        className={classes.startName}
      />
      <NumberInput
        label="Seed"
        w="5rem"
        min={0}
        max={2 ** 31 - 1}
        allowDecimal={false}
        clampBehavior="blur"
        value={form.seed}
        onChange={value => typeof value === 'number' && form.setSeed(value)}
      />
      {children}
      <div className={classes.startButtons}>
        {hint !== undefined && (
          <span className={classes.startHint} role="status">
            {hint}
          </span>
        )}
        <Button variant="default" onClick={closeDialog}>
          Cancel
        </Button>
        <Button type="submit" disabled={blocked} loading={busy}>
          {start}
        </Button>
      </div>
    </div>
  )
}
