/**
 * Runs a language model over texts and keeps what it says of every next token, and some thousand scores per window
 * for agreement with other models. Memory: the scores of one batch, 64 MB at most where the model allows.
 */
import { BantamError } from '../../shared/errors'
import type { Batch, Dataset } from '../data/dataset'
import type { TaskContext } from '../jobs/context'
import { sampleRuns } from '../measure/batches'
import type { CollectRequest } from '../measure/collect-request'
import { fixedBatch } from '../measure/inputs'
import {
  type StoredOutput,
  type StoredOutputs,
  VALUES_PER_OUTPUT,
  VALUES_PER_SAMPLE,
} from '../measure/outputs'
import type { Session } from '../runtime/session'
import { type Tensor, toNumbers } from '../runtime/tensor'
import { emptyAnswers, enter, type LanguageAnswers, maskedPlaces } from './answers'
import { looksAhead } from './causal'
import { completed } from './feeds'
import { type LanguageModel, languageModel } from './recognise'

const BATCH = 32
/** Scores in one batch. */
const BATCH_SCORES = 2 ** 24

/**
 * What of the session makes a language model that this data can measure: unlabelled tokens, fed to a model that does not
 * look ahead. Undefined for others.
 */
export async function asLanguage(session: Session, dataset: Dataset): Promise<LanguageModel | undefined> {
  const language = languageModel(session.inputs, session.outputs)
  const { task, inputs } = dataset.summary
  if (!language || task !== 'none' || !inputs.some(i => i.name === language.ids.name)) return undefined
  // With a past handed on, a token cannot have seen what follows.
  if (language.caches.length > 0) return language
  try {
    return (await looksAhead(session, language)) ? undefined : language
  } catch (error) {
    // What a trial text does not fit will show again on the data, with the sample named.
    if (!(error instanceof BantamError)) throw error
    return undefined
  }
}

/** Answers to the samples. Throws `cancelled` between batches, `bad-data` for a token the model has no score for. */
export async function collectLanguage(
  session: Session,
  language: LanguageModel,
  request: CollectRequest,
  indices: Uint32Array,
  context: TaskContext,
): Promise<StoredOutputs> {
  const { dataset, hash, split } = request
  const fixed = fixedBatch(session.inputs)
  const length = await tokensOf(dataset, language, indices)
  const size = fixed ?? batchSize(length, language.vocabulary ?? 1)
  const width = Math.max(1, length - 1)
  const answers = emptyAnswers(indices.length, width)
  let kept: StoredOutput | undefined
  const about = { size, fill: fixed !== null, unit: 'windows of text' }
  for await (const { batch, samples, start } of sampleRuns(dataset, indices, about, context)) {
    // Where the tokens are is told by what the data say, not by what is made up for the model.
    const scores = (await session.run(completed(language, batch.feeds), [language.logits]))[language.logits]
    if (scores?.dims.length !== 3) throw noScores(language.logits)
    kept ??= thinned(language.logits, scores, indices.length, width)
    for (const [row, sample] of samples.entries()) {
      answers.texts[start + row] = dataset.document?.(sample) ?? sample
      keepSample(answers, kept, { dataset, language, batch, scores, row, sample, to: start + row })
    }
  }
  const data = { hash: dataset.summary.hash, source: dataset.summary.spec.source, split }
  return {
    model: hash,
    data,
    task: 'language',
    main: language.logits,
    indices,
    labels: null,
    outputs: kept ? [kept] : [],
    language: answers,
  }
}

/** Tokens of a sample at most, padding included. */
async function tokensOf(dataset: Dataset, language: LanguageModel, indices: Uint32Array): Promise<number> {
  const { preprocessing } = dataset.summary.spec
  if (preprocessing?.kind === 'text' && preprocessing.maxLength !== undefined) return preprocessing.maxLength
  const { feeds } = await dataset.batch(indices.subarray(0, 1))
  return feeds[language.ids.name]?.dims[1] ?? 1
}

function batchSize(length: number, vocabulary: number): number {
  return Math.max(1, Math.min(BATCH, Math.floor(BATCH_SCORES / (length * vocabulary))))
}

function noScores(name: string): BantamError {
  return new BantamError('unsupported', `Output ${name} does not hold scores for every token of a text.`)
}

/** Room for scores of every window, evenly spaced over its positions. */
function thinned(name: string, scores: Tensor, windows: number, width: number): StoredOutput {
  const vocabulary = scores.dims[2] ?? 0
  const size = width * vocabulary
  const room = Math.max(1, Math.floor(VALUES_PER_OUTPUT / windows))
  const kept = Math.min(size, VALUES_PER_SAMPLE, room)
  const values = new Float32Array(windows * kept)
  return { name, type: scores.type, shape: [width, vocabulary], size, width: kept, values }
}

interface Sample {
  dataset: Dataset
  language: LanguageModel
  batch: Batch
  scores: Tensor
  /** Row in the batch, number in the dataset, place among what is kept. */
  row: number
  sample: number
  to: number
}

function keepSample(answers: LanguageAnswers, kept: StoredOutput, about: Sample): void {
  const { language, batch, scores, row, sample, to } = about
  const ids = batch.feeds[language.ids.name]
  const [, length = 0, vocabulary = 0] = scores.dims
  if (!ids || ids.dims[1] !== length) throw noScores(language.logits)
  const tokens = toNumbers(ids)
  const values = toNumbers(scores)
  const places = tokenPlaces(about, length)
  const pairs = Math.min(answers.width, places.length - 1)
  for (let k = 0; k < pairs; k++) {
    const next = tokens[row * length + (places[k + 1] ?? 0)] ?? 0
    if (next >= vocabulary) {
      throw new BantamError('bad-data', `The model has ${vocabulary} scores, none for token ${next}.`, {
        where: `sample ${sample}`,
        action: 'Take the tokenizer.json that came with the model.',
      })
    }
    const start = (row * length + (places[k] ?? 0)) * vocabulary
    enter(answers, to * answers.width + k, values, start, vocabulary, next)
  }
  const size = Math.max(0, pairs) * vocabulary
  for (let j = 0; j < kept.width && size > 0; j++) {
    const at = Math.floor((j * size) / kept.width)
    const place = places[Math.floor(at / vocabulary)] ?? 0
    kept.values[to * kept.width + j] = values[(row * length + place) * vocabulary + (at % vocabulary)] ?? 0
  }
}

/** Where the tokens of a row are; the rest is padding. */
function tokenPlaces({ dataset, language, batch, row, sample }: Sample, length: number): number[] {
  const mask = language.mask && batch.feeds[language.mask.name]
  if (mask && mask.dims[1] === length) return maskedPlaces(mask, row)
  const fed = dataset.tokens?.(sample)?.fed ?? length
  return Array.from({ length: Math.min(fed, length) }, (_, i) => i)
}
