import { NumberInput, Slider } from '@mantine/core'
import type { SplitOptions } from '../../../shared/domain'
import { formatExact } from '../../../shared/format'
import classes from './imports.module.css'
import { PARTS, splitCounts, withShare } from './split'

const TITLES = { train: 'Training', calibration: 'Calibration', test: 'Test' } as const
const COLORS = { train: '#6f8ef7', calibration: '#e0a126', test: '#2fb8a6' } as const

interface SplitFormProps {
  split: SplitOptions
  count: number
  onChange(split: SplitOptions): void
}

/** Shares of the three parts with their counts. Calibration never touches the test part. */
export function SplitForm({ split, count, onChange }: SplitFormProps) {
  const counts = splitCounts(split, count)
  const unused = count - counts.train - counts.calibration - counts.test
  return (
    <>
      <div className={classes.bar} aria-hidden>
        {PARTS.map(part => (
          <div key={part} style={{ width: `${split[part] * 100}%`, background: COLORS[part] }} />
        ))}
      </div>
      {PARTS.map(part => (
        <div key={part} className={classes.split}>
          <span>{TITLES[part]}</span>
          <Slider
            thumbLabel={`Share for ${TITLES[part].toLowerCase()}`}
            value={split[part] * 100}
            min={0}
            max={100}
            step={1}
            label={null}
            color={COLORS[part]}
            onChange={value => onChange(withShare(split, part, value / 100))}
          />
          <span className={classes.splitCount}>
            {Math.round(split[part] * 100)} % · {formatExact(counts[part])}
          </span>
        </div>
      ))}
      <div className={classes.split}>
        <span>Seed</span>
        <NumberInput
          aria-label="Seed of the split"
          w={110}
          min={0}
          allowDecimal={false}
          value={split.seed}
          onChange={seed => typeof seed === 'number' && onChange({ ...split, seed })}
        />
        <span className={classes.splitCount}>{unused > 0 && `${formatExact(unused)} not used`}</span>
      </div>
    </>
  )
}
