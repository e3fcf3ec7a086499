import type { Axis, PlacedPoint } from './geometry'
import type { Box } from './labels'
import { project } from './scale'

/** Half the width of the strip a name keeps from a line. */
const AIR = 2
/** With more points than this, their intervals are not drawn. */
const CROWD = 60

/** Strips of the plot that lines run through: the front's staircase and the intervals of the vertical axis. */
export function lineBoxes(
  placed: readonly PlacedPoint[],
  path: string,
  errorBars: boolean,
  y: Axis,
  area: { y: number; height: number },
): Box[] {
  const boxes = stairBoxes(path)
  if (!errorBars || placed.length > CROWD) return boxes
  const inY = (value: number) => project(value, y.domain, y.log, area.y + area.height, area.y)
  for (const { x, point } of placed) {
    const { low, high } = point.y
    if (low !== undefined && high !== undefined) {
      boxes.push({ left: x - AIR, right: x + AIR, top: inY(high), bottom: inY(low) })
    }
  }
  return boxes
}

/** Boxes around the steps of a path of the form `Mx,yHxVyHxVy…`. */
export function stairBoxes(path: string): Box[] {
  const start = /^M([\d.-]+),([\d.-]+)/.exec(path)
  if (!start) return []
  let [x, y] = [Number(start[1]), Number(start[2])]
  const boxes: Box[] = []
  for (const step of path.matchAll(/([HV])([\d.-]+)/g)) {
    const to = Number(step[2])
    const across = step[1] === 'H'
    const [left, right] = across ? [Math.min(x, to), Math.max(x, to)] : [x, x]
    const [top, bottom] = across ? [y, y] : [Math.min(y, to), Math.max(y, to)]
    boxes.push({ left: left - AIR, right: right + AIR, top: top - AIR, bottom: bottom + AIR })
    if (across) x = to
    else y = to
  }
  return boxes
}
