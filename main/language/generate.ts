/**
 * Continuing a text, one token at a time, as a program that uses the model does: the prompt in one run, then each token
 * by the highest score of the last position. With caches a further token is a run over that token, its keys and values
 * handed back and forth; without, a run over the whole text.
 */
import { BantamError } from '../../shared/errors'
import type { Feeds } from '../measure/inputs'
import type { Session } from '../runtime/session'
import { type Tensor, toNumbers } from '../runtime/tensor'
import { languageFeeds } from './feeds'
import type { LanguageModel } from './recognise'

export interface Generator {
  /** Runs the prompt. */
  prompt(): Promise<void>
  /** Continues the prompt by the given number of tokens, from the state after the prompt; gives them. */
  generate(count: number): Promise<number[]>
}

/** A generator on an open session. The prompt has one token at least; it is run once before the first `generate`. */
export function makeGenerator(session: Session, language: LanguageModel, prompt: Int32Array): Generator {
  let state: { caches: Feeds; next: number } | undefined
  const run = async (tokens: ArrayLike<number>, past: number, caches: Feeds) => {
    const feeds = languageFeeds(language, [padded(tokens, language.length)], past, caches)
    const answers = await session.run(feeds)
    return {
      caches: Object.fromEntries(language.caches.map(c => [c.past, answers[c.present]])) as Feeds,
      next: likeliest(answers[language.logits], tokens.length - 1),
    }
  }
  return {
    async prompt() {
      state = await run(prompt, 0, {})
    },
    async generate(count) {
      state ??= await run(prompt, 0, {})
      let { caches, next } = state
      const made: number[] = []
      while (made.length < count) {
        made.push(next)
        const past = prompt.length + made.length - 1
        const after =
          language.caches.length > 0
            ? await run([next], past, caches)
            : await run([...prompt, ...made], 0, {})
        caches = after.caches
        next = after.next
      }
      return made
    },
  }
}

/** A model of one length is given its length; what stands after a text does not reach back into it. */
function padded(tokens: ArrayLike<number>, length: number | undefined): ArrayLike<number> {
  if (length === undefined || tokens.length === length) return tokens
  if (tokens.length > length) {
    throw new BantamError('bad-data', `The model takes ${length} tokens, not ${tokens.length}.`)
  }
  return Int32Array.from({ length }, (_, i) => tokens[i] ?? 0)
}

/** The token with the highest score at a position; of models that score the last one only, there. */
function likeliest(logits: Tensor | undefined, position: number): number {
  if (logits?.dims.length !== 3) throw new BantamError('bad-model', 'The model gave no scores.')
  const [, length = 1, vocabulary = 0] = logits.dims
  const scores = toNumbers(logits)
  const start = Math.min(position, length - 1) * vocabulary
  let best = 0
  for (let v = 1; v < vocabulary; v++) if ((scores[start + v] ?? 0) > (scores[start + best] ?? 0)) best = v
  return best
}
