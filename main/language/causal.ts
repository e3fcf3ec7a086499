/**
 * Does a model see later tokens? A language model must not: what it says after a token is a guess of the next one.
 *
 * From the graph: an attention operator that says so, an operator that cuts a triangle out (Trilu), a comparison of two
 * running numbers, or a triangular constant. From behaviour: changing the last token of a text leaves the scores at all
 * earlier positions as they were.
 */
import type { NodeProto, TensorProto } from 'onnx-buf'
import { intAttribute } from '../onnx/build'
import type { Model } from '../onnx/model'
import { constantTensor } from '../onnx/skeleton'
import { isExternal, tensorCount, tensorDims, tensorValues } from '../onnx/tensor'
import { eachNode, eachTensor } from '../onnx/walk'
import type { Session } from '../runtime/session'
import { toNumbers } from '../runtime/tensor'
import { languageFeeds } from './feeds'
import type { LanguageModel } from './recognise'

const TRIANGLES = new Set(['Trilu', 'GroupQueryAttention', 'SparseAttention'])
const COMPARISONS = new Set(['Greater', 'GreaterOrEqual', 'Less', 'LessOrEqual'])
/** Larger constants are weights. */
const MASK_VALUES = 2 ** 24

/** Whether the graph holds something that keeps later tokens out of sight. */
export function isCausal(model: Model): boolean {
  let found = false
  eachNode(model.graph.proto, node => {
    found ||= saysSo(node)
  })
  if (found || model.proto.functions.some(f => f.node.some(saysSo))) return true
  eachTensor(model.proto, tensor => {
    found ||= isTriangle(tensor)
  })
  return found
}

function saysSo(node: NodeProto): boolean {
  if (TRIANGLES.has(node.opType) || COMPARISONS.has(node.opType)) return true
  if (node.opType === 'Attention' || node.opType === 'MultiHeadAttention') {
    return intAttribute(node, 'unidirectional', 0) === 1 || intAttribute(node, 'is_causal', 0) === 1
  }
  const constant = constantTensor(node)
  return constant !== undefined && isTriangle(constant)
}

/** [.., n, n] that is the same on and below the diagonal, and another value everywhere above it. */
function isTriangle(tensor: TensorProto): boolean {
  const dims = tensorDims(tensor)
  const [rows = 0, columns = 0] = dims.slice(-2)
  if (dims.length < 2 || rows !== columns || rows < 2 || tensorCount(tensor) !== rows * columns) return false
  if (rows * columns > MASK_VALUES || isExternal(tensor)) return false
  const values = toNumbers(tensorValues(tensor, null))
  const [inside, outside] = [values[0], values[1]]
  if (inside === outside) return false
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < rows; j++) if (values[i * rows + j] !== (j > i ? outside : inside)) return false
  }
  return true
}

/** Tokens of the texts that are compared. */
const TRIED = 8
/** Above this share of the largest score a difference is more than another order of adding up. */
const SLACK = 1e-3

/** Runs a model on two texts that differ in their last token. True when the scores before it differ. Throws as `run`. */
export async function looksAhead(session: Session, language: LanguageModel): Promise<boolean> {
  const length = language.length ?? TRIED
  const batch = typeof language.ids.shape[0] === 'number' ? language.ids.shape[0] : 1
  const scores: (Float32Array | Float64Array)[] = []
  let width = 0
  for (const last of [1, 2]) {
    const tokens = Int32Array.from({ length }, (_, i) => (i === length - 1 ? last : i % 2))
    const feeds = languageFeeds(
      language,
      Array.from({ length: batch }, () => tokens),
    )
    const answer = (await session.run(feeds, [language.logits]))[language.logits]
    if (answer?.dims.length !== 3) return true
    width = answer.dims[2] ?? 0
    scores.push(toNumbers(answer))
  }
  const [a, b] = scores
  if (!a || !b) return true
  let largest = 0
  let change = 0
  for (let i = 0; i < (length - 1) * width; i++) {
    const [x = 0, y = 0] = [a[i], b[i]]
    // What overflows does so in both: that is another fault, and told when scores are read.
    if (!Number.isFinite(x) && !Number.isFinite(y)) continue
    largest = Math.max(largest, Math.abs(x))
    change = Math.max(change, Math.abs(x - y))
  }
  return !(change <= SLACK * largest)
}
