/** The trade-off chart as SVG: one point per variant, error bars where there is an interval, the Pareto front. */
import type { Measured, Variant } from '../../shared/domain'
import { formatValue } from '../../shared/format'
import { type Metric, paretoFront } from '../../shared/metrics'
import { type Content, type Fragment, html } from './html'
import { linearScale, type Scale } from './scale'

const WIDTH = 760
const HEIGHT = 400
const LEFT = 84
const RIGHT = 24
const TOP = 20
const BOTTOM = 54
const LABEL_WIDTH = 6.2
const LABEL_LENGTH = 28

interface Point {
  variant: Variant
  number: number
  x: Measured
  y: Measured
}

/** Draws every variant that has both metrics; null when fewer than two have. Numbers refer to the report's table. */
export function tradeOffChart(variants: readonly Variant[], x: Metric, y: Metric): Fragment | null {
  const points = variants.flatMap((variant, index): Point[] => {
    const [a, b] = [x.read(variant), y.read(variant)]
    return a && b && Number.isFinite(a.value) && Number.isFinite(b.value)
      ? [{ variant, number: index + 1, x: a, y: b }]
      : []
  })
  if (points.length < 2) return null
  const horizontal = linearScale(
    padded(
      points.map(p => p.x),
      x,
    ),
    LEFT,
    WIDTH - RIGHT,
  )
  const vertical = linearScale(
    padded(
      points.map(p => p.y),
      y,
    ),
    HEIGHT - BOTTOM,
    TOP,
  )
  const front = paretoFront(variants, x, y)
  return html`<figure>
<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${y.title} against ${x.title}">
${axes(horizontal, vertical, x, y)}
${frontLine(points, front, horizontal, vertical)}
${points.map(p => errorBars(p, horizontal, vertical))}
${points.map(p => mark(p, front.includes(p.variant.id), horizontal, vertical))}
${labels(points, horizontal, vertical)}
</svg>
<figcaption>${y.title} against ${x.title.toLowerCase()}. Bars are 95 % intervals. The line joins the variants that no other beats on both; the square is the model everything is measured against.</figcaption>
</figure>`
}

function padded(values: readonly Measured[], metric: Metric): number[] {
  const all = values.flatMap(m => [m.value, m.low ?? m.value, m.high ?? m.value])
  // Sizes and times start at zero, so that distances on the axis are proportions; quality is drawn close up.
  return metric.unit === 'bytes' || metric.unit === 'ms' || metric.unit === 'joules' ? [0, ...all] : all
}

function axes(horizontal: Scale, vertical: Scale, x: Metric, y: Metric): Content {
  const floor = HEIGHT - BOTTOM
  return html`<g class="axis">
${vertical.ticks.map(
  t => html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${px(vertical.at(t))}" y2="${px(vertical.at(t))}"/>
<text x="${LEFT - 8}" y="${px(vertical.at(t) + 4)}" text-anchor="end">${tick(t, y)}</text>`,
)}
${horizontal.ticks.map(
  t => html`<line class="grid" x1="${px(horizontal.at(t))}" x2="${px(horizontal.at(t))}" y1="${TOP}" y2="${floor}"/>
<text x="${px(horizontal.at(t))}" y="${floor + 18}" text-anchor="middle">${tick(t, x)}</text>`,
)}
<text class="title" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 8}" text-anchor="middle">${x.title} (${x.better} is better)</text>
<text class="title" transform="translate(14 ${(TOP + floor) / 2}) rotate(-90)" text-anchor="middle">${y.title} (${y.better} is better)</text>
</g>`
}

function tick(value: number, metric: Metric): string {
  if (value === 0) return '0'
  return metric.unit === 'share' ? `${Number((value * 100).toFixed(3))} %` : formatValue(value, metric.unit)
}

function frontLine(
  points: readonly Point[],
  front: readonly string[],
  horizontal: Scale,
  vertical: Scale,
): Content {
  const line = front.flatMap(id => points.filter(p => p.variant.id === id))
  if (line.length < 2) return null
  const path = line.map(p => `${px(horizontal.at(p.x.value))},${px(vertical.at(p.y.value))}`).join(' ')
  return html`<polyline class="front" points="${path}"/>`
}

function errorBars(p: Point, horizontal: Scale, vertical: Scale): Content {
  const [cx, cy] = [px(horizontal.at(p.x.value)), px(vertical.at(p.y.value))]
  return [
    p.x.low !== undefined &&
      p.x.high !== undefined &&
      html`<line class="error" x1="${px(horizontal.at(p.x.low))}" x2="${px(horizontal.at(p.x.high))}" y1="${cy}" y2="${cy}"/>`,
    p.y.low !== undefined &&
      p.y.high !== undefined &&
      html`<line class="error" x1="${cx}" x2="${cx}" y1="${px(vertical.at(p.y.low))}" y2="${px(vertical.at(p.y.high))}"/>`,
  ]
}

function mark(p: Point, onFront: boolean, horizontal: Scale, vertical: Scale): Content {
  const [cx, cy] = [horizontal.at(p.x.value), vertical.at(p.y.value)]
  const title = html`<title>${p.variant.name}</title>`
  if (p.variant.parentId === null) {
    return html`<rect class="mark teacher" x="${px(cx - 6)}" y="${px(cy - 6)}" width="12" height="12">${title}</rect>`
  }
  return html`<circle class="mark ${onFront ? 'best' : 'other'}" cx="${px(cx)}" cy="${px(cy)}" r="6">${title}</circle>`
}

interface Box {
  x: number
  y: number
  width: number
}

/** Names beside their points, each at the first of a few places where it covers no other; else its number alone. */
function labels(points: readonly Point[], horizontal: Scale, vertical: Scale): Content {
  const taken: Box[] = points.map(p => ({
    x: horizontal.at(p.x.value) - 8,
    y: vertical.at(p.y.value) + 4,
    width: 16,
  }))
  return points.map(p => {
    const [cx, cy] = [horizontal.at(p.x.value), vertical.at(p.y.value)]
    const text = shorten(p.variant.name)
    const spot = places(cx, cy, text).find(box => fits(box) && !taken.some(other => overlaps(box, other)))
    const box = spot ?? { x: cx + 9, y: cy - 8, width: 2 * LABEL_WIDTH }
    taken.push(box)
    return html`<text class="label" x="${px(box.x)}" y="${px(box.y)}">${spot ? text : `#${p.number}`}</text>`
  })
}

function places(cx: number, cy: number, text: string): Box[] {
  const width = text.length * LABEL_WIDTH
  return [-10, 18, 4, -24, 32].flatMap(dy => [
    { x: cx + 11, y: cy + dy, width },
    { x: cx - 11 - width, y: cy + dy, width },
  ])
}

function fits(box: Box): boolean {
  return box.x >= LEFT && box.x + box.width <= WIDTH - 4 && box.y >= TOP && box.y <= HEIGHT - BOTTOM
}

function overlaps(a: Box, b: Box): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && Math.abs(a.y - b.y) < 13
}

function shorten(name: string): string {
  return name.length > LABEL_LENGTH ? `${name.slice(0, LABEL_LENGTH - 1)}…` : name
}

function px(value: number): string {
  return value.toFixed(1)
}
