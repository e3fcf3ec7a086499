/**
 * Rounding that learns: the gradient passes as if nothing had been rounded (the straight-through estimator of Bengio,
 * Léonard and Courville 2013, arXiv:1308.3432). Only roundings made for that do so, marked by the name of what they give
 * (main/qat/fake-quantize.ts); a Round that came with a model is flat, and no gradient flows through it.
 */
import type { NodeProto } from 'onnx-buf'
import { normalDomain } from '../onnx/model'
import type { Vjp } from '../operators/gradient'

const MARK = '/bantam/straight-through'

/** The name that marks what a Round gives, from a name that is not taken. */
export function straightThroughName(base: string): string {
  return `${base}${MARK}`
}

/** y = round(x): x̄ = ȳ */
export const passStraight: Vjp = s => [s.grad()]

/** Whether a node is such a Round. */
export function isStraightThrough(node: NodeProto): boolean {
  const round = node.opType === 'Round' && normalDomain(node.domain) === ''
  return round && (node.output[0]?.endsWith(MARK) ?? false)
}
