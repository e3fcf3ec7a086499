/**
 * Losses as nodes behind a model's values. Each is a mean over the samples, so that learning rates do not depend on the
 * batch; what it compares with comes in as a further input. The losses themselves: losses-hard.ts, main/distill/losses.
 */

import { BantamError } from '../../shared/errors'
import type { TensorInfo } from '../../shared/tensor'
import type { LossSpec } from '../../shared/training'
import { Random } from '../data/random'
import { featureLoss } from '../distill/losses/add'
import { responseLoss } from '../distill/losses/response'
import { shapesOf } from '../distill/tensors-shapes'
import { makeNode, makeValue } from '../onnx/build'
import { copyModel } from '../onnx/copy'
import type { Model } from '../onnx/model'
import { Builder, type Dim, type Value } from '../operators/builder'
import { shapeText } from '../runtime/feeds'
import { hardLoss } from './losses-hard'
import { isFeatureLoss, isHardLoss, lossTitle, refuse } from './losses-spec'
import { raiseForTraining } from './prepare'

export interface LossPart {
  loss: LossSpec
  /** The student's value that a hard or response loss is of, such as `logitsOf` finds; feature losses name their own. */
  of?: string
  /** Axis of the classes, negative ones counted from the back; the last when absent. */
  axis?: number
  /** True for logits of independent yes-or-no answers: kd compares each by itself. A single logit always is one. */
  binary?: boolean
  /** What is known of the teacher's value: response and feature losses need it. */
  teacher?: TensorInfo
  /** Labels that there are: class indices, or probabilities per class (mixup). Cross entropy and dkd need them. */
  labels?: 'index' | 'probabilities'
  /** Multiplies the loss's own weight. */
  share?: number
}

/** An input of the graph with losses that is fed at every step. */
export interface LossTarget {
  input: string
  /** Whether it takes labels (or target values), or the teacher's value. */
  from: 'labels' | 'teacher'
  type: string
  /** The batch axis is that of the student. */
  shape: readonly Dim[]
}

export interface WithLosses {
  /** A copy with a scalar output `LOSS` = Σ weight·share·loss and one `partName(i)` for each term of that sum. */
  model: Model
  /** In the order given. `title` is for people: 'labels', 'kd', 'hint conv3 → conv1'. */
  parts: { title: string; output: string; targets: LossTarget[] }[]
  /** Initializers made for the losses, to be trained along; they are not in the model that was given. */
  projectors: string[]
}

/** Name of the loss value that `addLosses` makes. */
export const LOSS = 'bantam/loss'

/** Name of the output with a part of the loss, already weighted. */
export function partName(index: number): string {
  return `bantam/loss/${index}`
}

/** Name of the input that a loss compares with: the position of the loss in the list tells several apart. */
export function targetName(index: number): string {
  return `bantam/target${index}`
}

/** Name of the input with the labels of a loss that compares with a teacher as well (dkd). */
export function labelsName(index: number): string {
  return `bantam/labels${index}`
}

/**
 * Adds losses to a copy of the model. Projectors get first weights drawn from `seed`: He-uniform by fan-in (He et al.
 * 2015, "Delving Deep into Rectifiers"), biases 0.
 *
 * Throws `bad-option` when there is no loss, or one is of a value that is not there, has no class axis, lacks the labels
 * or the teacher's value it needs, or compares shapes that do not go together.
 */
export async function addLosses(
  model: Model,
  parts: readonly LossPart[],
  { seed = 0 }: { seed?: number } = {},
): Promise<WithLosses> {
  if (parts.length === 0) throw new BantamError('bad-option', 'A loss needs at least one part.')
  const copy = copyModel(model)
  raiseForTraining(copy)
  const types = await shapesOf(copy)
  const context = {
    model: copy,
    m: new Builder(copy.graph, copy.opset(), 'loss'),
    types,
    random: new Random(seed),
  }
  const added = parts.map((part, i) => new Part(context, part, i).add())
  const [first] = added
  const values = added.map(part => part.value)
  const total = first && added.length === 1 ? first.value : context.m.emit('Sum', values, [])
  copy.graph.add(makeNode('Identity', [total.name], [LOSS]))
  copy.graph.proto.output.push(makeValue(LOSS, total.type, []))
  return {
    model: copy,
    parts: added.map(({ title, output, targets }) => ({ title, output, targets })),
    projectors: added.flatMap(part => part.projectors),
  }
}

interface Context {
  model: Model
  m: Builder
  types: ReadonlyMap<string, TensorInfo>
  random: Random
}

class Part {
  private readonly targets: LossTarget[] = []
  private readonly title: string
  /** In messages: its kind, as it was chosen. */
  private readonly called: string

  constructor(
    private readonly context: Context,
    private readonly part: LossPart,
    private readonly index: number,
  ) {
    this.title = lossTitle(part.loss)
    this.called = isHardLoss(part.loss) ? part.loss.kind : this.title
  }

  add() {
    const { model, m } = this.context
    const { loss, share = 1 } = this.part
    const { value, projectors } = isFeatureLoss(loss)
      ? this.feature()
      : { value: this.answer(), projectors: [] }
    const weighted = m.mul(value, loss.weight * share)
    const output = model.graph.freshName(partName(this.index))
    model.graph.add(makeNode('Identity', [weighted.name], [output]))
    model.graph.proto.output.push(makeValue(output, weighted.type, []))
    return {
      value: { ...weighted, name: output },
      title: this.title,
      output,
      targets: this.targets,
      projectors,
    }
  }

  private feature() {
    const { loss } = this.part
    if (!isFeatureLoss(loss)) throw refuse(this.called, 'is no feature loss')
    const x = this.student(loss.student)
    return featureLoss(this.context, { loss, x, teacher: this.teacher(), index: this.index }, shape =>
      this.target(targetName(this.index), 'teacher', this.teacher().type, shape),
    )
  }

  /** A loss of the model's answer. */
  private answer(): Value {
    const { m } = this.context
    const { loss, of = '', binary = false } = this.part
    if (isFeatureLoss(loss)) throw refuse(this.called, 'is no loss of an answer')
    const given = this.student(of)
    if (isHardLoss(loss) && loss.kind !== 'cross-entropy')
      return hardLoss(m, loss, given, this.target(targetName(this.index), 'labels', given.type, given.shape))
    const x = this.classesLast(given)
    const classes = x.shape.at(-1)
    if (isHardLoss(loss)) {
      const weights = loss.kind === 'cross-entropy' ? loss.classWeights : undefined
      if (weights && weights.length !== classes)
        throw refuse(
          this.called,
          `has ${weights.length} class weights, but ${of} has ${classes || 'an unknown number of'} classes`,
          'Give one weight per class.',
        )
      return hardLoss(m, loss, x, this.labels(x, targetName(this.index)))
    }
    const teacher = this.teacher()
    if (!agree(given.shape, teacher.shape))
      throw refuse(
        this.called,
        `compares ${of} ${shapeText(given.shape)} with the teacher's ${teacher.name} ${shapeText(teacher.shape)}`,
        'Both must have the same shape but for the batch.',
      )
    const single = x.shape.length < 2 || classes === 1
    if (loss.kind === 'dkd' && (single || binary))
      throw refuse(
        this.called,
        `needs at least two classes, but ${of} is ${shapeText(x.shape)}`,
        'Choose kd.',
      )
    const target = this.target(targetName(this.index), 'teacher', teacher.type, given.shape)
    const t = m.cast(this.classesLast(target), x.type)
    const labels = loss.kind === 'dkd' ? this.labels(x, labelsName(this.index)) : undefined
    return responseLoss(m, loss, { x, t, labels, binary: binary || single })
  }

  private student(name: string): Value {
    const x = this.context.types.get(name)
    if (x && !/^b?float/.test(x.type))
      throw refuse(this.called, `is of ${name}, which holds ${x.type}, not real numbers`, undefined, name)
    if (x) return x
    throw refuse(
      this.called,
      `is of ${name || 'nothing'}, which is not a value of the model with a known shape`,
      'Choose an output of one of its nodes.',
      name,
    )
  }

  private classesLast(x: Value): Value {
    const given = this.part.axis ?? -1
    const axis = given < 0 ? given + x.shape.length : given
    if (axis >= x.shape.length - 1) return x
    const others = [...x.shape.keys()].filter(a => a !== axis)
    return this.context.m.transpose(x, [...others, axis])
  }

  private teacher(): TensorInfo {
    const { teacher, loss } = this.part
    if (teacher) return teacher
    throw refuse(
      this.called,
      isFeatureLoss(loss)
        ? `compares with ${loss.teacher}, which is not a value of the teacher with a known shape`
        : 'needs a teacher',
      'Choose a value of the teacher.',
    )
  }

  /** An input for class labels: indices without the class axis, or probabilities in the shape of x. */
  private labels(x: Value, name: string): Value {
    const { labels } = this.part
    if (!labels) throw refuse(this.called, 'needs labels', 'Choose another loss, or data with labels.')
    if (x.shape.length === 0) throw refuse(this.called, `is of ${x.name}, which has no class axis`)
    const needsCount = labels === 'probabilities' || this.part.loss.kind === 'dkd'
    if (needsCount && typeof x.shape.at(-1) !== 'number')
      throw refuse(this.called, `cannot tell how many classes ${x.name} ${shapeText(x.shape)} has`)
    return labels === 'index'
      ? this.target(name, 'labels', 'int64', x.shape.slice(0, -1))
      : this.target(name, 'labels', x.type, x.shape)
  }

  private target(wanted: string, from: LossTarget['from'], type: string, shape: readonly Dim[]): Value {
    const { graph } = this.context.model
    const input = graph.freshName(wanted)
    graph.proto.input.push(makeValue(input, type, shape))
    this.targets.push({ input, from, type, shape })
    return { name: input, type, shape }
  }
}

/** Equal but for the batch; what is open may be anything. */
function agree(a: readonly Dim[], b: readonly Dim[]): boolean {
  return (
    a.length === b.length &&
    a.every((d, axis) => axis === 0 || typeof d === 'string' || typeof b[axis] === 'string' || d === b[axis])
  )
}
