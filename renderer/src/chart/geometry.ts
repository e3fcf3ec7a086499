import type { Metric } from '../../../shared/metrics'
import type { ChartPoint } from './points'
import type { Domain } from './scale'

export interface Axis {
  metric: Metric
  domain: Domain
  log: boolean
}

/** A point with where it is drawn, in pixels of the SVG. */
export interface PlacedPoint {
  point: ChartPoint
  x: number
  y: number
}

/** The rectangle between the axes, in pixels of the SVG. */
export interface Area {
  x: number
  y: number
  width: number
  height: number
}
