import { type KeyboardEvent, type PointerEvent, type ReactNode, useRef } from 'react'
import classes from './chart.module.css'
import { keepOf, type Part } from './parts'
import { KIND_TITLES } from './words'

interface KeepSliderProps {
  part: Part
  /** Share that stays whatever is chosen with the key Home. */
  least: number
  /** Null gives the part back to the plan. */
  onKeep(keep: number | null): void
  /** A drag or a row of key presses is over. */
  onSettle(): void
  children?: ReactNode
}

/** The share of a part that stays, as a track with a handle; dragged, clicked, or moved by keys. */
export function KeepSlider({ part, least, onKeep, onSettle, children }: KeepSliderProps) {
  const track = useRef<HTMLDivElement>(null)
  const handle = useRef<HTMLDivElement>(null)
  const keep = keepOf(part)
  const { from } = part
  const channels = Math.round(keep * from)

  function put(count: number) {
    const next = Math.min(from, Math.max(1, Math.round(count)))
    const share = Number((next / from).toFixed(4))
    if (share !== part.chosen) onKeep(share)
  }
  function drag(event: PointerEvent) {
    const box = track.current?.getBoundingClientRect()
    if (!box || box.width === 0) return
    put(((event.clientX - box.left) / box.width) * from)
  }
  function press(event: KeyboardEvent) {
    const small = Math.max(1, Math.round(from / 100))
    const large = Math.max(1, Math.round(from / 10))
    const steps: Record<string, number> = {
      ArrowRight: small,
      ArrowUp: small,
      ArrowLeft: -small,
      ArrowDown: -small,
      PageUp: large,
      PageDown: -large,
    }
    const step = steps[event.key]
    if (step !== undefined) put(channels + step)
    else if (event.key === 'Home') put(Math.ceil(from * least))
    else if (event.key === 'End') put(from)
    else if (event.key === 'Delete' || event.key === 'Backspace') onKeep(null)
    else return
    event.preventDefault()
    event.stopPropagation()
  }

  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the handle inside has the keyboard
    <div
      ref={track}
      className={classes.track}
      data-live
      onPointerDown={event => {
        if (event.button !== 0) return
        event.preventDefault()
        handle.current?.focus()
        event.currentTarget.setPointerCapture?.(event.pointerId)
        // A first press on the handle itself moves nothing: it may be the first half of a double click.
        if (event.target !== handle.current) drag(event)
      }}
      onPointerMove={event => event.buttons === 1 && drag(event)}
      onPointerUp={onSettle}
      onDoubleClick={() => onKeep(null)}
    >
      {children}
      <div
        ref={handle}
        role="slider"
        tabIndex={0}
        className={classes.handle}
        data-chosen={part.chosen !== null || undefined}
        style={{ left: `${keep * 100}%` }}
        aria-label={`Share kept of ${part.label}`}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(keep * 100)}
        aria-valuetext={`${Math.round(keep * 100)} %, ${channels} of ${from} ${KIND_TITLES[part.kind]}, ${part.chosen === null ? 'by the plan' : 'by hand'}`}
        onKeyDown={press}
        onBlur={onSettle}
      />
    </div>
  )
}
