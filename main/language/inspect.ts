/** What an inspection says of language models. */
import type { Note, TensorInfo } from '../../shared/domain'
import { type Assumption, assumeShapes } from '../onnx/assume'
import type { Model } from '../onnx/model'
import { isCausal } from './causal'
import { cacheShape, languageModel } from './recognise'

/** The inputs, of which the token numbers tell how many scores there are, where the model is a causal language model. */
export function withVocabulary(model: Model, inputs: TensorInfo[], outputs: TensorInfo[]): TensorInfo[] {
  const language = languageModel(inputs, outputs)
  if (!language || (language.caches.length === 0 && !isCausal(model))) return inputs
  const vocabulary = language.vocabulary ?? language.ids.rows
  if (vocabulary === undefined) return inputs
  return inputs.map(input => (input === language.ids ? { ...input, vocabulary } : input))
}

/** A note for language models; none for others. */
export function languageNote(inputs: readonly TensorInfo[], outputs: readonly TensorInfo[]): Note[] {
  const vocabulary = inputs.find(i => i.vocabulary !== undefined)?.vocabulary
  const language = languageModel(inputs, outputs)
  if (vocabulary === undefined || !language) return []
  const memory =
    language.caches.length > 0
      ? `It takes and gives the keys and values of the tokens before (${language.caches.length} caches).`
      : 'It has no cache: every further token means computing the whole text again.'
  return [
    {
      code: 'language-model',
      severity: 'info',
      message: `A causal language model over ${vocabulary} tokens. ${memory}`,
      action: 'Evaluate it on text for its perplexity; a benchmark tells its tokens per second.',
    },
  ]
}

/** Sizes assumed when the cost of one sample is counted: of a model with caches, that of a text without a past. */
export function assumeSizes(
  inputs: readonly TensorInfo[],
  outputs: readonly TensorInfo[],
): { shapes: Map<string, number[]>; assumptions: Assumption[] } {
  const language = languageModel(inputs, outputs)
  if (!language || language.caches.length === 0) return assumeShapes(inputs)
  const { shapes, assumptions } = assumeShapes([language.ids])
  const [batch = 1, length = 1] = shapes.get(language.ids.name) ?? []
  for (const input of [language.mask, language.positions]) if (input) shapes.set(input.name, [batch, length])
  for (const cache of language.caches) shapes.set(cache.past, cacheShape(cache, batch, 0))
  return { shapes, assumptions }
}
