/**
 * Does a model see later tokens? A language model must not: what it says after a token is a guess of the next one.
 *
 * From the graph: an attention operator that says so, an operator that cuts a triangle out (Trilu), a comparison of two
 * running numbers, or a triangular constant. From behaviour: changing the end of a text leaves the scores before it
 * as they were.
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
/**
 * Earlier scores of a model that looks back may still move a little: sums are taken in another order, and dynamic
 * quantization finds one scale for all tokens. Those of a model that sees the change move by a good part of what the
 * scores of the changed tokens do.
 */
const SLACK = 0.1

/**
 * Runs a model on two texts whose second halves differ. True when the scores of their equal first halves differ by more
 * than a tenth of what those of the second halves do (root mean squares). Throws as `run`.
 */
export async function looksAhead(session: Session, language: LanguageModel): Promise<boolean> {
  const length = language.length ?? TRIED
  const half = Math.ceil(length / 2)
  const batch = typeof language.ids.shape[0] === 'number' ? language.ids.shape[0] : 1
  const scores: (Float32Array | Float64Array)[] = []
  let width = 0
  for (const end of [1, 2]) {
    const tokens = Int32Array.from({ length }, (_, i) => (i < half ? 1 + (i % 2) : end))
    const feeds = languageFeeds(
      language,
      Array.from({ length: batch }, () => tokens),
    )
    const answer = (await session.run(feeds, [language.logits]))[language.logits]
    if (answer?.dims.length !== 3 || answer.dims[1] !== length) return true
    width = answer.dims[2] ?? 0
    scores.push(toNumbers(answer))
  }
  const [a, b] = scores
  if (!a || !b) return true
  const before = change(a, b, 0, half * width)
  return before > SLACK * change(a, b, half * width, length * width)
}

/** Root mean square of a − b; what overflows in both does not count: that is another fault, told when scores are read. */
function change(a: ArrayLike<number>, b: ArrayLike<number>, from: number, to: number): number {
  let sum = 0
  for (let i = from; i < to; i++) {
    const [x = 0, y = 0] = [a[i], b[i]]
    if (Number.isFinite(x) || Number.isFinite(y)) sum += (x - y) ** 2
  }
  return Math.sqrt(sum / Math.max(1, to - from))
}
