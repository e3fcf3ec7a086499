import { ActionIcon, Tooltip } from '@mantine/core'
import { X } from 'lucide-react'
import { OptionsFold } from '../variant/OptionsFold'
import { SchemaForm } from '../variant/SchemaForm'
import { byPattern, withFloat, withOverride } from './choices'
import type { Row } from './rows'
import type { QuantizeForm, Values } from './useQuantizeForm'
import classes from './why.module.css'
import { CALIBRATION_WORDS } from './words'

interface NetworkPanelProps {
  form: QuantizeForm
  rows: readonly Row[]
  onSelect(id: string): void
}

/** What holds for the whole network, and the layers that are chosen otherwise. */
export function NetworkPanel({ form, rows, onSelect }: NetworkPanelProps) {
  const { places, values, change } = form
  const put = (next: Values) => change(next, changedName(values, next))
  const apart = rows.filter(r => r.choice.float !== null || r.choice.wide || r.choice.calibration)
  return (
    <div className={classes.panel}>
      {apart.length > 0 && (
        <ul className={classes.apart} aria-label="Layers chosen otherwise">
          {apart.map(row => (
            <li key={row.layer.id}>
              <button type="button" className={classes.link} onClick={() => onSelect(row.layer.id)}>
                {row.label}
              </button>
              <span className={classes.dim}>{saidOf(row)}</span>
              {!byPattern(row.choice) && (
                <Tooltip label="As the network">
                  <ActionIcon
                    size="xs"
                    aria-label={`Reset ${row.label}`}
                    onClick={() => change(asTheNetwork(values, row))}
                  >
                    <X size={12} aria-hidden />
                  </ActionIcon>
                </Tooltip>
              )}
            </li>
          ))}
        </ul>
      )}
      <SchemaForm fields={places.main} values={{ ...values }} onChange={put} />
      <OptionsFold
        title="All other options"
        fields={places.more}
        values={{ ...values }}
        onChange={put}
        suggestions={rows.map(r => r.layer.id)}
      />
    </div>
  )
}

/** The option that differs: typing in one is one step back. */
function changedName(before: Values, after: Values): string | null {
  const names = Object.keys(after).filter(n => JSON.stringify(after[n]) !== JSON.stringify(before[n]))
  const [name] = names
  return names.length === 1 && name !== undefined && typeof after[name] === 'number' ? name : null
}

function asTheNetwork(values: Values, { layer }: Row): Values {
  const wide = withOverride(withFloat(values, layer, false), layer, { wide: false })
  return withOverride(wide, layer, { calibration: null })
}

function saidOf({ choice: { float, wide, calibration } }: Row): string {
  if (float !== null) return float.includes('*') ? `in float, by ${float}` : 'in float'
  return [
    ...(wide ? ['16-bit activations'] : []),
    ...(calibration ? [CALIBRATION_WORDS[calibration].title] : []),
  ].join(', ')
}
