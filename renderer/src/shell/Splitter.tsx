import { type KeyboardEvent, type PointerEvent, useRef, useState } from 'react'
import classes from './shell.module.css'

interface SplitterProps {
  label: string
  /** 'vertical' stands between left and right parts. */
  orientation: 'vertical' | 'horizontal'
  value: number
  min: number
  max: number
  /** How much the value changes per pixel to the right or down. */
  perPixel: number
  onChange(value: number): void
  onReset(): void
}

/** A bar between two parts that can be dragged, moved with arrow keys, and reset by a double click. */
export function Splitter(props: SplitterProps) {
  const { label, orientation, value, min, max, perPixel, onChange, onReset } = props
  const start = useRef({ at: 0, value: 0 })
  const [dragging, setDragging] = useState(false)
  const along = orientation === 'vertical' ? 'clientX' : 'clientY'
  const clamp = (next: number) => Math.min(max, Math.max(min, next))

  function down(event: PointerEvent<HTMLDivElement>) {
    event.currentTarget.setPointerCapture(event.pointerId)
    start.current = { at: event[along], value }
    setDragging(true)
  }
  function move(event: PointerEvent) {
    if (dragging) onChange(clamp(start.current.value + (event[along] - start.current.at) * perPixel))
  }
  function key(event: KeyboardEvent) {
    const steps: Record<string, number> = { ArrowRight: 16, ArrowDown: 16, ArrowLeft: -16, ArrowUp: -16 }
    const step = steps[event.key]
    if (step === undefined) return
    event.preventDefault()
    onChange(clamp(value + step * perPixel))
  }
  return (
    // biome-ignore lint/a11y/useSemanticElements: a rule cannot be moved; this is the window splitter pattern
    <div
      role="separator"
      tabIndex={0}
      aria-label={label}
      aria-orientation={orientation}
      aria-valuenow={Math.round(value * 100) / 100}
      aria-valuemin={min}
      aria-valuemax={max}
      className={classes.splitter}
      data-orientation={orientation}
      data-dragging={dragging || undefined}
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={() => setDragging(false)}
      onPointerCancel={() => setDragging(false)}
      onDoubleClick={onReset}
      onKeyDown={key}
    />
  )
}
