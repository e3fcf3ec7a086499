/** Shares kept that were chosen by hand, with the way back. */
import { changed, type History, historyOf } from '../ui/history'

export interface Width {
  group: string
  keep: number
}

export type Widths = History<readonly Width[]>

export const NO_WIDTHS: Widths = historyOf<readonly Width[]>([])

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
  if (keep === null) return others.length === widths.now.length ? widths : changed(widths, others)
  return changed(widths, [...others, { group, keep }], group)
}

export function cleared(widths: Widths): Widths {
  return widths.now.length === 0 ? widths : changed(widths, [])
}
