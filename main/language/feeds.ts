/** What a language model is fed: token numbers and all that follows from them. */
import { toType } from '../data/values'
import { type ElementType, elementCount, type Tensor } from '../runtime/tensor'
import { cacheShape, type LanguageModel } from './recognise'

type Feeds = Record<string, Tensor>

/** Whole numbers as a tensor of `type`. Throws `bad-data` for a number the type cannot hold. */
export function wholeTensor(values: ArrayLike<number>, dims: number[], type: string): Tensor {
  // Names of types in models are those of tensors; `toType` refuses others.
  const element = type as ElementType
  return {
    type: element,
    dims,
    data: toType(Float64Array.from(values), element, () => 'A number of a token'),
  }
}

/** A tensor of zeros of a floating-point type; of no values where a dimension is 0. */
export function zeros(type: ElementType, dims: number[]): Tensor {
  const count = elementCount(dims)
  if (type === 'float16') return { type, dims, data: new Uint16Array(count) }
  if (type === 'float64') return { type, dims, data: new Float64Array(count) }
  return { type, dims, data: new Float32Array(count) }
}

/**
 * Feeds for texts of equal length (`tokens`: one list per text, without padding) that follow on `past` tokens, whose
 * keys and values are `caches` (by the names of inputs; none are needed without a past). The mask covers past and
 * tokens, positions go on from the past.
 */
export function languageFeeds(
  language: LanguageModel,
  tokens: readonly ArrayLike<number>[],
  past = 0,
  caches: Feeds = {},
): Feeds {
  const batch = tokens.length
  const length = tokens[0]?.length ?? 0
  const { ids, mask, positions } = language
  const feeds: Feeds = {
    [ids.name]: wholeTensor(
      tokens.flatMap(t => Array.from(t)),
      [batch, length],
      ids.type,
    ),
  }
  if (mask) {
    const covered = past + length
    feeds[mask.name] = wholeTensor(new Uint8Array(batch * covered).fill(1), [batch, covered], mask.type)
  }
  if (positions) {
    const places = Int32Array.from({ length: batch * length }, (_, i) => past + (i % length))
    feeds[positions.name] = wholeTensor(places, [batch, length], positions.type)
  }
  for (const cache of language.caches) {
    feeds[cache.past] = caches[cache.past] ?? zeros(cache.type, cacheShape(cache, batch, past))
  }
  return feeds
}

/**
 * Feeds of a batch with what this model takes and the data were not opened for, told from the token numbers: a mask of
 * ones (what follows a text does not reach back into it), positions, an empty past.
 */
export function completed(language: LanguageModel, feeds: Feeds): Feeds {
  const ids = feeds[language.ids.name]
  const [batch = 0, length = 0] = ids?.dims ?? []
  if (!ids) return feeds
  const rows = Array.from({ length: batch }, () => new Uint8Array(length))
  return { ...languageFeeds(language, rows), ...feeds }
}
