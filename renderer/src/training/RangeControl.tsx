import { SegmentedControl } from '@mantine/core'

interface RangeControlProps {
  close: boolean
  onChange(close: boolean): void
}

/** Whole curves, or their later part large. */
export function RangeControl({ close, onChange }: RangeControlProps) {
  return (
    <SegmentedControl
      aria-label="Range of values"
      value={close ? 'close' : 'whole'}
      onChange={value => onChange(value === 'close')}
      data={[
        { value: 'whole', label: 'Whole' },
        { value: 'close', label: 'Close up' },
      ]}
    />
  )
}
