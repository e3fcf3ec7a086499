/**
 * Einsum as Transpose, MatMul and ReduceSum, from left to right two operands at a time: ONNX Runtime needs 6 to 10 times
 * as long for the Einsum itself (bench/RESULTS.md). https://numpy.org/doc/stable/reference/generated/numpy.einsum.html
 */
import { stringAttribute } from '../../onnx/build'
import type { Builder, Value } from '../../operators/builder'
import { Declined, type Expansion } from './expansion'

/** A value whose axes have labels. */
interface Labelled {
  x: Value
  labels: string[]
}

/** Declines an operand with one label twice, a diagonal. */
export const einsum: Expansion = p => {
  const { m } = p
  const equation = stringAttribute(p.node, 'equation', '').replaceAll(' ', '')
  const [left = '', right] = equation.split('->')
  const operands = left.split(',').map((term, i) => {
    const x = p.input(i)
    const labels = expandEllipsis(term, x.shape.length)
    if (new Set(labels).size < labels.length) throw new Declined(`Its equation ${equation} takes a diagonal.`)
    return { x, labels }
  })
  const output = outputLabels(right, operands)
  let [held, ...rest] = operands as [Labelled, ...Labelled[]]
  rest.forEach((next, i) => {
    const later = new Set([...output, ...rest.slice(i + 1).flatMap(o => o.labels)])
    held = product(
      m,
      reduced(m, held, new Set([...later, ...next.labels])),
      reduced(m, next, new Set([...later, ...held.labels])),
      later,
    )
  })
  return [arranged(m, reduced(m, held, new Set(output)), output)]
}

/** One label per axis; axes under the ellipsis are numbered from the last, so that they align by broadcasting. */
function expandEllipsis(term: string, rank: number): string[] {
  const [before = '', after] = term.split('...')
  if (after === undefined) return [...before]
  const hidden = rank - before.length - after.length
  return [...before, ...Array.from({ length: hidden }, (_, i) => `.${hidden - 1 - i}`), ...after]
}

/** Without an arrow: axes under the ellipsis, then every label that occurs once, in alphabetic order. */
function outputLabels(right: string | undefined, operands: readonly Labelled[]): string[] {
  const all = operands.flatMap(o => o.labels)
  const hidden = [...new Set(all.filter(l => l.startsWith('.')))].sort(
    (a, b) => Number(b.slice(1)) - Number(a.slice(1)),
  )
  if (right === undefined) {
    const once = all.filter(l => !l.startsWith('.') && all.filter(k => k === l).length === 1)
    return [...hidden, ...once.sort()]
  }
  const [before = '', after] = right.split('...')
  return after === undefined ? [...before] : [...before, ...hidden, ...after]
}

/** Summed over the labels that are not in `kept`. */
function reduced(m: Builder, o: Labelled, kept: ReadonlySet<string>): Labelled {
  const axes = o.labels.flatMap((label, i) => (kept.has(label) ? [] : [i]))
  return { x: m.sum(o.x, axes, false), labels: o.labels.filter(label => kept.has(label)) }
}

/** Axes in the order of `labels`, of which the value has all but some it gets as axes of one. */
function arranged(m: Builder, o: Labelled, labels: readonly string[]): Value {
  const there = labels.filter(label => o.labels.includes(label))
  const x = m.transpose(
    o.x,
    there.map(label => o.labels.indexOf(label)),
  )
  const missing = labels.flatMap((label, i) => (o.labels.includes(label) ? [] : [i]))
  if (missing.length === 0) return x
  const shape = labels.map(label => o.x.shape[o.labels.indexOf(label)] ?? 1)
  return m.emit('Unsqueeze', [x, m.ints(missing)], shape)
}

/** The product of two operands; labels of both that nobody needs later are summed in it. */
function product(m: Builder, a: Labelled, b: Labelled, later: ReadonlySet<string>): Labelled {
  const both = a.labels.filter(label => b.labels.includes(label))
  const summed = both.filter(label => !later.has(label))
  const batch = both.filter(label => later.has(label))
  const [own, other] = [a, b].map(o => o.labels.filter(label => !both.includes(label))) as [
    string[],
    string[],
  ]
  const labels = [...batch, ...own, ...other]
  if (summed.length === 0) return { x: m.mul(arranged(m, a, labels), arranged(m, b, labels)), labels }
  const left = merged(m, arranged(m, a, [...batch, ...own, ...summed]), batch.length, own.length)
  const right = merged(m, arranged(m, b, [...batch, ...summed, ...other]), batch.length, summed.length)
  const dims = [
    ...batch.map(label => {
      const [p, q] = [dimension(a, label), dimension(b, label)]
      return p.of.shape[p.axis] === 1 ? q : p
    }),
    ...own.map(label => dimension(a, label)),
    ...other.map(label => dimension(b, label)),
  ]
  const y = m.matmul(left, right)
  return { x: unmerged(m, y, dims), labels }
}

interface Dimension {
  of: Value
  axis: number
}

function dimension(o: Labelled, label: string): Dimension {
  return { of: o.x, axis: o.labels.indexOf(label) }
}

/** [batch…, first…, second…] with the first `count` axes after the batch merged into one, the rest into another. */
function merged(m: Builder, x: Value, batch: number, count: number): Value {
  const lead = [...Array(batch).keys()]
  const first = x.shape.slice(batch, batch + count)
  const second = x.shape.slice(batch + count)
  if (first.length === 1 && second.length === 1) return x
  const axes = [...x.shape.keys()]
  const size = (group: number[]) => m.merge(x, group)
  const target = m.concat(
    [
      ...lead.map(axis => m.dimOf(x, axis)),
      size(axes.slice(batch, batch + count)),
      size(axes.slice(batch + count)),
    ],
    0,
    [batch + 2],
  )
  return m.emit('Reshape', [x, target], [...x.shape.slice(0, batch), total(first), total(second)])
}

function total(dims: Value['shape']): number | string {
  return dims.every(d => typeof d === 'number') ? dims.reduce<number>((all, d) => all * Number(d), 1) : ''
}

function unmerged(m: Builder, y: Value, dims: readonly Dimension[]): Value {
  return m.reshape(
    y,
    dims.map(d => {
      const size = d.of.shape[d.axis]
      return typeof size === 'number' ? size : d
    }),
  )
}
