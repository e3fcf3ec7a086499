/** Shares kept that were chosen by hand, with the way back. */

export interface Width {
  group: string
  keep: number
}

export interface Widths {
  past: readonly (readonly Width[])[]
  now: readonly Width[]
  future: readonly (readonly Width[])[]
  /** Group that the last change was of, where changes of it go on: they are one step back. */
  open: string | null
}

export const NO_WIDTHS: Widths = { past: [], now: [], future: [], open: null }

const MOST_STEPS = 200

export function widthsFrom(value: unknown): Widths {
  if (!Array.isArray(value)) return NO_WIDTHS
  const now = value.flatMap((item: unknown) =>
    typeof item === 'object' &&
    item !== null &&
    'group' in item &&
    'keep' in item &&
    typeof item.group === 'string' &&
    typeof item.keep === 'number'
      ? [{ group: item.group, keep: item.keep }]
      : [],
  )
  return { ...NO_WIDTHS, now }
}

/** Chooses a share of a group; null gives it back to the plan. Changes of one group in a row are one step. */
export function withWidth(widths: Widths, group: string, keep: number | null): Widths {
  const others = widths.now.filter(w => w.group !== group)
  const now = keep === null ? others : [...others, { group, keep }]
  if (keep === null && others.length === widths.now.length) return widths
  const goesOn = keep !== null && widths.open === group
  const past = goesOn ? widths.past : [...widths.past, widths.now].slice(-MOST_STEPS)
  return { past, now, future: [], open: keep === null ? null : group }
}

/** The next change of the same group is a step of its own. */
export function settled(widths: Widths): Widths {
  return widths.open === null ? widths : { ...widths, open: null }
}

export function cleared(widths: Widths): Widths {
  if (widths.now.length === 0) return widths
  return { past: [...widths.past, widths.now], now: [], future: [], open: null }
}

export function undone(widths: Widths): Widths {
  const before = widths.past.at(-1)
  if (!before) return widths
  return { past: widths.past.slice(0, -1), now: before, future: [widths.now, ...widths.future], open: null }
}

export function redone(widths: Widths): Widths {
  const [next, ...rest] = widths.future
  if (!next) return widths
  return { past: [...widths.past, widths.now], now: next, future: rest, open: null }
}
