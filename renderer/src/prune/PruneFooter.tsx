import { Button, NumberInput, Select, TextInput } from '@mantine/core'
import type { Variant } from '../../../shared/domain'
import { closeDialog } from '../store/ui'
import classes from './prune.module.css'
import type { PruneFormState } from './usePruneForm'

interface PruneFooterProps {
  form: PruneFormState
  variants: readonly Variant[]
  blocked: boolean
  busy: boolean
  onParent(id: string): void
}

/** Model, name, seed, and Start. */
export function PruneFooter({ form, variants, blocked, busy, onParent }: PruneFooterProps) {
  return (
    <div className={classes.footer}>
      <Select
        label="Model"
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
        className={classes.name}
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
      <div className={classes.footerButtons}>
        <Button variant="default" onClick={closeDialog}>
          Cancel
        </Button>
        <Button type="submit" disabled={blocked} loading={busy}>
          Start
        </Button>
      </div>
    </div>
  )
}
