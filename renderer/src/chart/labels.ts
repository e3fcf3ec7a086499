/** Places names beside points so that no two cover each other, nor a point of importance. Greedy, by rank. */
import type { Pixel } from './points'

export interface LabelWish extends Pixel {
  id: string
  text: string
  /** Higher goes first; a label that finds no room is left out. */
  rank: number
}

export interface PlacedLabel extends Pixel {
  id: string
  text: string
  anchor: 'start' | 'middle' | 'end'
}

export interface Box {
  left: number
  right: number
  top: number
  bottom: number
}

const CHARACTER = 6.1
const HEIGHT = 14
const GAP = 9

function overlaps(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
}

function candidates(wish: LabelWish): { label: PlacedLabel; box: Box }[] {
  const width = wish.text.length * CHARACTER
  const { id, text, x, y } = wish
  const make = (anchor: PlacedLabel['anchor'], tx: number, ty: number) => {
    const left = anchor === 'start' ? tx : anchor === 'end' ? tx - width : tx - width / 2
    return {
      label: { id, text, x: tx, y: ty, anchor },
      box: { left, right: left + width, top: ty - HEIGHT + 4, bottom: ty + 4 },
    }
  }
  return [
    make('start', x + GAP, y + 4),
    make('end', x - GAP, y + 4),
    make('middle', x, y - GAP),
    make('middle', x, y + GAP + 10),
    make('start', x + GAP - 2, y - GAP + 2),
    make('start', x + GAP - 2, y + GAP + 8),
    make('end', x - GAP + 2, y - GAP + 2),
    make('end', x - GAP + 2, y + GAP + 8),
  ]
}

/** The first of those that hide the least of the lines: crossing one beats lying along it. */
function leastCovered<T extends { box: Box }>(possible: readonly T[], lines: readonly Box[]): T | undefined {
  let best: T | undefined
  let least = Number.POSITIVE_INFINITY
  for (const candidate of possible) {
    const covered = lines.reduce((sum, line) => sum + sharedArea(candidate.box, line), 0)
    if (covered < least) [best, least] = [candidate, covered]
  }
  return best
}

function sharedArea(a: Box, b: Box): number {
  if (!overlaps(a, b)) return 0
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left)
  return width * (Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top))
}

/**
 * Labels that found room inside `area`. They never cover each other or a point; they keep off the `lines` where
 * they can.
 */
export function placeLabels(
  wishes: readonly LabelWish[],
  points: readonly Pixel[],
  area: Box,
  lines: readonly Box[] = [],
): PlacedLabel[] {
  const taken: Box[] = points.map(p => ({ left: p.x - 4, right: p.x + 4, top: p.y - 4, bottom: p.y + 4 }))
  const placed: PlacedLabel[] = []
  for (const wish of [...wishes].sort((a, b) => b.rank - a.rank)) {
    const possible = candidates(wish).filter(
      ({ box }) =>
        box.left >= area.left &&
        box.right <= area.right &&
        box.top >= area.top &&
        box.bottom <= area.bottom &&
        !taken.some(other => overlaps(box, other)),
    )
    const free = leastCovered(possible, lines)
    if (!free) continue
    taken.push(free.box)
    placed.push(free.label)
  }
  return placed
}
