/**
 * Causal language models, told by what they take and give: token numbers [batch, sequence] in, scores of the next token
 * [batch, sequence, vocabulary] out. Beside the tokens a model may take their mask, their positions and the keys and
 * values of the tokens before (`past_key_values.0.key`, `past_0`, …), each with the output that holds them afterwards
 * (`present.0.key`, `present_0`): the names of Hugging Face Optimum and onnxruntime-genai. Caches are
 * [batch, heads, past, width], or [2, batch, heads, past, width] where key and value are one tensor.
 */
import type { TensorInfo } from '../../shared/domain'
import { pastKey, takesPast, usualRole } from '../../shared/text-roles'
import type { ElementType } from '../runtime/tensor'

/** The shape of keys or values of the past. */
export interface CacheShape {
  type: ElementType
  /** Shape with the batch and the past left open: −1 at `batchAxis` and at `lengthAxis`. */
  shape: number[]
  batchAxis: number
  lengthAxis: number
}

export interface Cache extends CacheShape {
  /** Names of the input, and of the output that holds it with the tokens fed. */
  past: string
  present: string
}

export interface LanguageModel {
  ids: TensorInfo
  mask: TensorInfo | undefined
  positions: TensorInfo | undefined
  /** Output [batch, sequence, vocabulary]. */
  logits: string
  /** Scores per position, where declared. */
  vocabulary: number | undefined
  /** Tokens the model takes at a time, where that is fixed. */
  length: number | undefined
  caches: Cache[]
}

/** Below this many scores a model labels tokens; it does not continue texts. */
const LEAST_SCORES = 16

/**
 * What a language model's inputs and outputs are for; undefined for other models. Without caches this is a guess by
 * shape: a model that fills gaps (BERT) looks the same, so whoever needs to know asks `isCausal` or `looksAhead` too.
 */
export function languageModel(
  inputs: readonly TensorInfo[],
  outputs: readonly TensorInfo[],
): LanguageModel | undefined {
  const caches: Cache[] = []
  const others: TensorInfo[] = []
  for (const input of inputs) {
    const cache = cacheOf(input, outputs)
    if (cache) caches.push(cache)
    else others.push(input)
  }
  const role = (wanted: string) => others.filter(i => usualRole(i.name) === wanted)
  const [mask, ...moreMasks] = role('mask')
  const [positions, ...morePositions] = role('positions')
  const [ids, ...rest] = others.filter(i => i !== mask && i !== positions)
  if (!ids || rest.length > 0 || moreMasks.length > 0 || morePositions.length > 0) return undefined
  const named = usualRole(ids.name)
  if ((named !== undefined && named !== 'ids') || !isTokens(ids)) return undefined
  const logits = scoresOf(ids, outputs)
  if (!logits) return undefined
  const width = logits.shape[2]
  const length = ids.shape[1]
  return {
    ids,
    mask,
    positions,
    logits: logits.name,
    vocabulary: typeof width === 'number' && width > 0 ? width : undefined,
    length: typeof length === 'number' && length > 0 && caches.length === 0 ? length : undefined,
    caches,
  }
}

function isTokens({ type, shape }: TensorInfo): boolean {
  return (type === 'int64' || type === 'int32') && shape.length === 2
}

/** The output that scores the next token at every position. */
function scoresOf(ids: TensorInfo, outputs: readonly TensorInfo[]): TensorInfo | undefined {
  const fit = outputs.filter(({ type, shape }) => {
    if (!/^float/.test(type) || shape.length !== 3) return false
    const [, length, width] = shape
    const sameLength =
      typeof length !== 'number' || typeof ids.shape[1] !== 'number' || length === ids.shape[1]
    return sameLength && wide(width, ids.rows)
  })
  return fit.find(o => /logit/i.test(o.name)) ?? (fit.length === 1 ? fit[0] : undefined)
}

/** As many scores as there are tokens, give or take what tables are padded by. */
function wide(width: number | string | undefined, rows: number | undefined): boolean {
  if (typeof width !== 'number' || width < 0) return true
  return rows === undefined ? width >= LEAST_SCORES : 2 * width >= rows && width <= 2 * rows
}

const PRESENT = /present(_key_values?)?|^cache_out|^out_cache/i

function cacheOf(input: TensorInfo, outputs: readonly TensorInfo[]): Cache | undefined {
  const shape = inputCache(input)
  const key = pastKey(input.name)
  const present = outputs.find(
    o =>
      PRESENT.test(o.name) &&
      o.name.replace(PRESENT, '').toLowerCase() === key &&
      o.shape.length === input.shape.length,
  )
  return shape && present && { ...shape, past: input.name, present: present.name }
}

/** An input that takes keys or values of the past, by its name and shape; undefined for others. */
export function inputCache(input: TensorInfo): CacheShape | undefined {
  if (!takesPast(input)) return undefined
  const { type, shape } = input
  const rank = shape.length
  const [batchAxis, lengthAxis] = [rank - 4, rank - 2]
  const open = shape.map((d, axis) => (axis === batchAxis || axis === lengthAxis ? -1 : d))
  if (!open.every(d => typeof d === 'number')) return undefined
  // Sessions name element types as tensors do.
  return { type: type as ElementType, shape: open, batchAxis, lengthAxis }
}

/** Shape of a cache that holds `past` tokens of `batch` texts. */
export function cacheShape(cache: CacheShape, batch: number, past: number): number[] {
  return cache.shape.map((d, axis) =>
    axis === cache.batchAxis ? batch : axis === cache.lengthAxis ? past : d,
  )
}

/** Whether the inputs, as an inspection gives them, are those of a language model. */
export function takesLanguage(inputs: readonly TensorInfo[]): boolean {
  return inputs.some(input => input.vocabulary !== undefined)
}
