import { colors } from './theme'

const STYLE = { fontSize: 11, fontWeight: 550, fill: colors.dim }

/** Title of a horizontal axis, below its ticks; the axis needs `X_TITLE_ROOM` pixels more. */
export function xTitle(value: string) {
  return { value, position: 'insideBottom' as const, offset: 1, ...STYLE }
}

/** Title of a vertical axis, turned, left of its ticks; the axis needs `Y_TITLE_ROOM` pixels more. */
export function yTitle(value: string) {
  return {
    value,
    angle: -90,
    position: 'insideLeft' as const,
    offset: 8,
    style: { textAnchor: 'middle' as const },
    ...STYLE,
  }
}

export const X_TITLE_ROOM = 15
export const Y_TITLE_ROOM = 14
