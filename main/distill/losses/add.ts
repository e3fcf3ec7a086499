/** Adds a feature loss: which shapes go together, the projector where widths differ, the teacher's value as an input. */

import type { BantamError } from '../../../shared/errors'
import type { TensorInfo } from '../../../shared/tensor'
import type { FeatureLoss } from '../../../shared/training'
import { lossTitle, refuse } from '../../autodiff/losses-spec'
import type { Random } from '../../data/random'
import type { Model } from '../../onnx/model'
import { makeTensor } from '../../onnx/tensor'
import type { Builder, Dim, Value } from '../../operators/builder'
import { shapeText } from '../../runtime/feeds'
import { type Layout, layoutOf } from '../tensors-layout'
import { attention, hint, type Projector } from './feature'
import { relational, similarity } from './relational'
import { attentionMatrix, valueRelation, valueWidth } from './transformer'

interface Request {
  loss: FeatureLoss
  x: Value
  teacher: TensorInfo
  index: number
}

/**
 * Adds the loss and returns its value and the names of the projector's weights. `target` makes the input for the
 * teacher's value from its shape. Throws `bad-option` for shapes that do not go together.
 */
export function featureLoss(
  { m, model, random }: { m: Builder; model: Model; random: Random },
  { loss, x, teacher, index }: Request,
  target: (shape: readonly Dim[]) => Value,
): { value: Value; projectors: string[] } {
  const layout = layoutOf(model, x.name, x.shape.length)
  const fault = mismatch(loss.kind, x.shape, teacher.shape, layout)
  if (fault) throw unfit(loss, x, teacher, fault)
  const t = m.cast(target(targetShape(x.shape, teacher.shape)), x.type)
  switch (loss.kind) {
    case 'hint': {
      const projector = projectorFor(model, random, { x, t, layout, index })
      const projectors = projector ? [projector.weight.name, projector.bias.name] : []
      return { value: hint(m, x, t, layout, projector), projectors }
    }
    case 'attention':
      return { value: attention(m, x, t, layout), projectors: [] }
    case 'attention-matrix':
      return { value: attentionMatrix(m, x, t), projectors: [] }
    case 'value-relation':
      return { value: valueRelation(m, x, t), projectors: [] }
    case 'similarity':
      return { value: similarity(m, x, t), projectors: [] }
    case 'relational':
      return { value: relational(m, x, t), projectors: [] }
  }
}

/**
 * Why two shapes cannot be compared by a loss: what it accepts. Undefined when they can. The batch axis 0 is not looked
 * at; open dimensions are taken to fit, except the channels of a hint and of a value relation, which must be numbers.
 */
export function mismatch(
  kind: FeatureLoss['kind'],
  x: readonly Dim[],
  t: readonly Dim[],
  layout: Layout,
): string | undefined {
  const rank = x.length
  const same = (axes: readonly number[]) =>
    axes.every(a => typeof x[a] === 'string' || typeof t[a] === 'string' || x[a] === t[a])
  const between = [...x.keys()].slice(1, -1)
  switch (kind) {
    case 'hint': {
      const axis = layout === 'map' ? 1 : rank - 1
      const numbers = typeof x[axis] === 'number' && typeof t[axis] === 'number'
      return rank >= 2 && rank === t.length && numbers && (layout === 'map' || same(between))
        ? undefined
        : 'A hint takes feature maps [N, C, …] or hidden states […, C] of both, with C known and, for hidden states, the same length; C may differ, and so may the size of maps.'
    }
    case 'attention':
      return rank >= 3 && rank === t.length && (layout === 'map' || same(between))
        ? undefined
        : 'Attention takes feature maps [N, C, …] of both, of any C and size, or hidden states [N, L, C] of the same length.'
    case 'attention-matrix':
      return (rank === 3 || rank === 4) && rank === t.length && same([rank - 2, rank - 1])
        ? undefined
        : 'It takes attention matrices [N, heads, L, L] of the same length.'
    case 'value-relation': {
      const length = (shape: readonly Dim[]) => shape[shape.length === 4 ? 2 : 1]
      const widths = [x, t].every(s => (s.length === 3 || s.length === 4) && valueWidth(s) > 0)
      const [a, b] = [length(x), length(t)]
      return widths && (typeof a === 'string' || typeof b === 'string' || a === b)
        ? undefined
        : 'It takes values [N, heads, L, d] or [N, L, C] of the same length L and known width.'
    }
    case 'similarity':
    case 'relational':
      return rank >= 2 && t.length >= 2 ? undefined : 'It takes values [N, …] with at least two dimensions.'
  }
}

function unfit(loss: FeatureLoss, x: Value, teacher: TensorInfo, accepted: string): BantamError {
  return refuse(
    lossTitle(loss),
    `cannot compare the student's ${x.name} ${shapeText(x.shape)} with the teacher's ${teacher.name} ${shapeText(teacher.shape)}`,
    accepted,
    x.name,
  )
}

/** The teacher's shape, with the student's batch; open dimensions that lie at the same place are the same. */
function targetShape(x: readonly Dim[], t: readonly Dim[]): Dim[] {
  return t.map((d, axis) => {
    if (axis === 0) return x[0] ?? ''
    return typeof d === 'number'
      ? d
      : x.length === t.length && typeof x[axis] === 'string'
        ? (x[axis] ?? '')
        : ''
  })
}

/** The projector from x's channels to t's, with its first weights; none where the widths are equal. */
function projectorFor(
  model: Model,
  random: Random,
  { x, t, layout, index }: { x: Value; t: Value; layout: Layout; index: number },
): Projector | undefined {
  const axis = layout === 'map' ? 1 : x.shape.length - 1
  const [from, to] = [Number(x.shape[axis]), Number(t.shape[axis])]
  if (from === to) return undefined
  const bound = Math.sqrt(6 / from)
  const weights = Float32Array.from({ length: from * to }, () => (2 * random.unit() - 1) * bound)
  const add = (part: string, shape: number[], data: Float32Array): Value => {
    const name = model.graph.freshName(`bantam/projector/${index}/${part}`)
    const type = x.type === 'float64' ? 'float64' : 'float32'
    model.graph.setInitializer(makeTensor(name, type, shape, data))
    return { name, type, shape }
  }
  const shape = layout === 'map' ? [to, from, ...x.shape.slice(2).map(() => 1)] : [from, to]
  return { weight: add('weight', shape, weights), bias: add('bias', [to], new Float32Array(to)) }
}
