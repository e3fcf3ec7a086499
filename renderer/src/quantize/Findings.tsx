import { Button } from '@mantine/core'
import { Check } from 'lucide-react'
import type { LayerDetail } from '../../../shared/quantize'
import { fixOf } from './fixes'
import type { Row } from './rows'
import type { QuantizeForm } from './useQuantizeForm'
import classes from './why.module.css'

/** What is wrong with a layer, in words, the most likely first; each with what helps. */
export function Findings({ row, detail, form }: { row: Row; detail: LayerDetail; form: QuantizeForm }) {
  const { values, fields, change } = form
  if (detail.findings.length === 0) return null
  return (
    <ul className={classes.findings} aria-label="What is wrong">
      {detail.findings.map(({ message, fix: kind }) => {
        const fix = fixOf(kind, { layer: row.layer, detail, values, fields })
        const next = fix?.values
        return (
          <li key={`${kind} ${message}`}>
            <span>{message}</span>
            {fix && (
              <Button
                size="compact-xs"
                variant={next ? 'light' : 'subtle'}
                disabled={!next}
                leftSection={next ? undefined : <Check size={12} aria-hidden />}
                onClick={() => next && change(next)}
              >
                {fix.title}
              </Button>
            )}
          </li>
        )
      })}
    </ul>
  )
}
