import { NumberInput, Slider } from '@mantine/core'
import classes from './distill.module.css'

interface ShareInputProps {
  id: string
  /** What a screen reader calls the slider. */
  label: string
  value: number
  min: number
  max: number
  step: number
  disabled?: boolean
  onChange(value: number): void
}

/** A number between two limits: by a slider, or typed exactly. */
export function ShareInput({
  id,
  label,
  value,
  min,
  max,
  step,
  disabled = false,
  onChange,
}: ShareInputProps) {
  // Typed, it may be smaller than the slider goes, but not nothing where nothing makes no sense.
  const lowest = min > 0 ? 0.01 : 0
  return (
    <div className={classes.share}>
      <Slider
        value={value}
        min={min}
        max={max}
        step={step}
        label={null}
        disabled={disabled}
        onChange={onChange}
        thumbLabel={label}
        className={classes.slider}
      />
      <NumberInput
        id={id}
        w={76}
        value={value}
        min={lowest}
        max={max}
        step={step}
        decimalScale={4}
        disabled={disabled}
        clampBehavior="blur"
        onChange={next => typeof next === 'number' && next >= lowest && next <= max && onChange(next)}
      />
    </div>
  )
}
