import { Button, Tooltip } from '@mantine/core'
import { ChevronDown, ChevronRight, CopyPlus } from 'lucide-react'
import { useState } from 'react'
import type { Step, TechniqueInfo, Variant } from '../../../shared/domain'
import { formatBytes } from '../../../shared/format'
import { openDialog, techniqueDialog } from '../store/ui'
import { type OptionRow, optionRows, optionText } from './option-rows'
import classes from './recipe.module.css'

interface StepCardProps {
  number: number
  variant: Variant
  step: Step
  parent: string
  technique: TechniqueInfo | undefined
  last: boolean
}

/** One technique of the way, with the options that differ from its defaults; all of them on demand. */
export function StepCard({ number, variant, step, parent, technique, last }: StepCardProps) {
  const [open, setOpen] = useState(false)
  const rows = optionRows(step, technique)
  const changed = rows.filter(r => r.changed)
  const Arrow = open ? ChevronDown : ChevronRight
  return (
    <li className={classes.step}>
      <div className={classes.rail}>
        <span className={classes.number}>{number}</span>
        {!last && <span className={classes.thread} />}
      </div>
      <div className={classes.card}>
        <div className={classes.cardHead}>
          <span className={classes.title}>{technique?.title ?? step.technique}</span>
          <span className={classes.small}>
            makes {variant.name}, {formatBytes(variant.summary.sizeBytes)}
            {variant.seed !== 0 && `, seed ${variant.seed}`}
          </span>
          <Tooltip label="Opens the dialog with this technique and these options, on the same parent">
            <Button
              size="compact-xs"
              variant="light"
              ml="auto"
              leftSection={<CopyPlus size={13} />}
              onClick={() => openDialog(techniqueDialog(step.technique, parent, step.options))}
            >
              Start from this
            </Button>
          </Tooltip>
        </div>
        {technique && <div className={classes.small}>{technique.summary}</div>}
        {changed.length > 0 && <Options rows={changed} />}
        {open && <Options rows={rows.filter(r => !r.changed)} />}
        {rows.length > changed.length && (
          <button type="button" className={classes.more} aria-expanded={open} onClick={() => setOpen(!open)}>
            <Arrow size={13} aria-hidden />
            {open ? 'Hide defaults' : defaultsText(rows.length - changed.length, changed.length)}
          </button>
        )}
      </div>
    </li>
  )
}

/** What the folded options are. */
function defaultsText(count: number, changed: number): string {
  if (changed === 0)
    return count === 1 ? 'Its option is at its default' : `All ${count} options at their defaults`
  return `${count} more ${count === 1 ? 'option' : 'options'} at ${count === 1 ? 'its default' : 'their defaults'}`
}

function Options({ rows }: { rows: readonly OptionRow[] }) {
  return (
    <dl className={classes.options}>
      {rows.map(row => (
        <Option key={row.key} row={row} />
      ))}
    </dl>
  )
}

function Option({ row }: { row: OptionRow }) {
  return (
    <>
      <dt title={row.description || undefined}>{row.title}</dt>
      <dd>
        <span className={row.changed ? classes.changed : undefined}>{optionText(row.value)}</span>
        {row.changed && row.fallback !== undefined && (
          <span className={classes.small}> default: {optionText(row.fallback)}</span>
        )}
      </dd>
    </>
  )
}
