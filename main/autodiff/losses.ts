/**
 * Losses as nodes behind a model's outputs. Each is a mean over the samples, so that learning rates do not depend on
 * the batch; what it compares with comes in as a further input.
 */
import { BantamError } from '../../shared/errors'
import { makeNode, makeValue } from '../onnx/build'
import { copyModel } from '../onnx/copy'
import { inferTypes } from '../onnx/infer'
import type { Model } from '../onnx/model'
import { Builder, type Value } from '../operators/builder'
import { raiseForTraining } from './prepare'

export type Loss =
  /**
   * −Σ q·log softmax(logits), logits […, C], labels int64 […], q = (1 − ε)·one-hot + ε/C.
   * Label smoothing: Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision".
   */
  | { kind: 'crossEntropy'; of: string; smoothing?: number }
  /** softplus(x) − t·x: the negative log-likelihood of independent labels t in [0, 1] (Bishop 2006, section 4.3.2). */
  | { kind: 'binaryCrossEntropy'; of: string }
  /** (x − t)² (Gauss 1809). */
  | { kind: 'meanSquared'; of: string }
  /** r²/2 for r = |x − t| ≤ δ, δ·(r − δ/2) beyond (Huber 1964, "Robust Estimation of a Location Parameter"). */
  | { kind: 'huber'; of: string; delta?: number }
  /**
   * T²·KL(softmax(t/T) ‖ softmax(x/T)) over the last axis, t the teacher's logits
   * (Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network").
   */
  | { kind: 'distillation'; of: string; temperature?: number }

/** Name of the loss value that `addLosses` makes. */
export const LOSS = 'bantam/loss'

/** Name of the input that a loss compares with: the position of the loss in the list tells several apart. */
export function targetName(index: number): string {
  return `bantam/target${index}`
}

/**
 * Returns a copy of the model with a scalar output `LOSS` = Σ weight·loss, and an input `targetName(i)` for each loss.
 * Throws `bad-option` when there is no loss, or one is of a value that is not there, has no class axis, or an option is
 * out of its range.
 */
export async function addLosses(
  model: Model,
  losses: readonly { loss: Loss; weight?: number }[],
): Promise<Model> {
  const copy = copyModel(model)
  raiseForTraining(copy)
  const types = await inferTypes(copy)
  const m = new Builder(copy.graph, copy.opset())
  const parts = losses.map(({ loss, weight = 1 }, i) => {
    checkOptions(loss)
    const x = types.get(loss.of)
    if (!x) throw missing(loss.of, 'is not a value of the model with a known shape')
    const target = addTarget(copy, loss, x, targetName(i))
    return m.mul(lossValue(m, loss, x, target), weight)
  })
  const [first] = parts
  if (!first) throw new BantamError('bad-option', 'A loss needs at least one part.')
  const total = parts.length === 1 ? first : m.emit('Sum', parts, [])
  copy.graph.add(makeNode('Identity', [total.name], [LOSS]))
  copy.graph.proto.output.push(makeValue(LOSS, total.type, []))
  return copy
}

function missing(name: string, why: string): BantamError {
  return new BantamError('bad-option', `The loss cannot be taken: ${name} ${why}.`, {
    where: name,
    action: 'Choose an output of the model.',
  })
}

function checkOptions(loss: Loss): void {
  const fault =
    loss.kind === 'crossEntropy' && !((loss.smoothing ?? 0) >= 0 && (loss.smoothing ?? 0) < 1)
      ? 'Label smoothing must be at least 0 and below 1.'
      : loss.kind === 'huber' && !((loss.delta ?? 1) > 0)
        ? 'The delta of the Huber loss must be above 0.'
        : loss.kind === 'distillation' && !((loss.temperature ?? 4) > 0)
          ? 'The temperature must be above 0.'
          : undefined
  if (fault) throw new BantamError('bad-option', fault)
}

function addTarget(model: Model, loss: Loss, x: Value, wanted: string): Value {
  const name = model.graph.freshName(wanted)
  const labels = loss.kind === 'crossEntropy'
  if ((labels || loss.kind === 'distillation') && x.shape.length === 0)
    throw missing(x.name, 'has no class axis')
  const type = labels ? 'int64' : x.type
  const shape = labels ? x.shape.slice(0, -1) : x.shape
  model.graph.proto.input.push(makeValue(name, type, shape))
  return { name, type, shape }
}

function lossValue(m: Builder, loss: Loss, x: Value, t: Value): Value {
  switch (loss.kind) {
    case 'crossEntropy':
      return crossEntropy(m, x, t, loss.smoothing ?? 0)
    case 'binaryCrossEntropy':
      return mean(m, m.sub(m.unary('Softplus', x), m.mul(t, x)))
    case 'meanSquared':
      return mean(m, m.square(m.sub(x, t)))
    case 'huber':
      return huber(m, x, t, loss.delta ?? 1)
    case 'distillation':
      return distillation(m, x, t, loss.temperature ?? 4)
  }
}

/** Mean over all elements, as a scalar. */
function mean(m: Builder, x: Value): Value {
  return m.reduce('ReduceMean', x, [...x.shape.keys()], false)
}

function logSoftmax(m: Builder, x: Value): Value {
  return m.unary('LogSoftmax', x, { axis: BigInt(x.shape.length - 1) })
}

/** −(1 − ε)·log p at the label − ε·mean over classes of log p */
function crossEntropy(m: Builder, x: Value, labels: Value, smoothing: number): Value {
  const log = logSoftmax(m, x)
  const at = m.emit('Unsqueeze', [labels, m.ints([-1])], [...labels.shape, 1])
  const axis = BigInt(x.shape.length - 1)
  const picked = m.emit('GatherElements', [log, at], at.shape, { attributes: { axis } })
  const hard = m.mul(mean(m, picked), smoothing - 1)
  return smoothing === 0 ? hard : m.sub(hard, m.mul(mean(m, log), smoothing))
}

/** With q = min(r, δ): q·(r − q/2) */
function huber(m: Builder, x: Value, t: Value, delta: number): Value {
  const r = m.unary('Abs', m.sub(x, t))
  const q = m.emit('Min', [r, m.scalar(delta, x.type)], x.shape)
  return mean(m, m.mul(q, m.sub(r, m.mul(q, 0.5))))
}

function distillation(m: Builder, x: Value, t: Value, temperature: number): Value {
  const soft = (v: Value) => logSoftmax(m, m.div(v, temperature))
  const teacher = soft(t)
  const gap = m.mul(m.unary('Exp', teacher), m.sub(teacher, soft(x)))
  const perSample = m.sum(gap, [x.shape.length - 1], false)
  return m.mul(mean(m, perSample), temperature * temperature)
}
