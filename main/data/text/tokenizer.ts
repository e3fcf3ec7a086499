/**
 * Text → token numbers as a Hugging Face `tokenizer.json` says (https://huggingface.co/docs/tokenizers): normalizer,
 * pre-tokenizer, model and post-processor by @huggingface/tokenizers; truncation and padding, which that library leaves
 * out, here, as its Rust original does them.
 */
import { createHash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { type Tokenizer, Tokenizer as TokenizerClass } from '@huggingface/tokenizers'
import { z } from 'zod'
import { BantamError } from '../../../shared/errors'

/** The largest vocabularies (256,000 tokens with merges) take some 35 MB. */
const FILE_LIMIT = 256 * 2 ** 20
/** Characters of one text that are cut into tokens; more are refused, for the time it would take. */
export const TEXT_LIMIT = 1_000_000
/** Tokenizers kept ready: a preview opens the same one at every change. */
const KEPT = 2

/** What is read of the file beside what the library reads. Unknown parts stay what they are. */
const TokenizerFile = z.looseObject({
  model: z.looseObject({}),
  added_tokens: z
    .array(z.looseObject({ id: z.number().int(), content: z.string() }))
    .nullish()
    .transform(tokens => tokens ?? []),
  normalizer: z.looseObject({}).nullable().default(null),
  pre_tokenizer: z.looseObject({}).nullable().default(null),
  post_processor: z.looseObject({}).nullable().default(null),
  decoder: z.looseObject({}).nullable().default(null),
  truncation: z
    .looseObject({ max_length: z.number().int().min(1), direction: z.string().default('Right') })
    .nullable()
    .default(null),
  padding: z
    .looseObject({ pad_id: z.number().int().min(0), direction: z.string().default('Right') })
    .nullable()
    .default(null),
})
type TokenizerFile = z.infer<typeof TokenizerFile>

/** Usual names of the token that fills up; tokenizers without padding of their own often have one. */
const PAD_NAMES = ['[PAD]', '<pad>', '<|pad|>', '<|endoftext|>', '</s>']

export interface Encoded {
  ids: Int32Array
  /** 0 for the first text, 1 for the second. */
  types: Uint8Array
  /** Tokens the whole text has, special ones included; more than `ids` holds when it was cut. */
  length: number
}

/** A tokenizer ready for use. */
export class TextTokenizer {
  private readonly pad: number | undefined

  constructor(
    /** SHA-256 of the file. */
    readonly digest: string,
    private readonly tokenizer: Tokenizer,
    private readonly file: TokenizerFile,
    private readonly where: string,
  ) {
    const named = PAD_NAMES.map(name => tokenizer.token_to_id(name)).find(id => id !== undefined)
    this.pad = file.padding?.pad_id ?? named
  }

  /** One more than the largest token number. */
  get size(): number {
    return this.tokenizer.model?.vocab.length ?? 0
  }

  /** Number that fills up short samples; 0 when the tokenizer names none (see `hasPad`). */
  get padId(): number {
    return this.pad ?? 0
  }

  get hasPad(): boolean {
    return this.pad !== undefined
  }

  get padsLeft(): boolean {
    return this.file.padding?.direction === 'Left'
  }

  /** Length the tokenizer itself cuts at, if it says. */
  get maxLength(): number | undefined {
    return this.file.truncation?.max_length
  }

  /** Tokens that are added to one text, or to a pair. */
  specials(pair: boolean): number {
    return this.assembled([], pair ? [] : null).tokens.length
  }

  /** Tokens as text again, without special ones. */
  decode(ids: ArrayLike<number>): string {
    return this.tokenizer.decode(Array.from(ids), { skip_special_tokens: true })
  }

  /** The token of a number, as the vocabulary has it. */
  token(id: number): string {
    return this.tokenizer.id_to_token(id) ?? `#${id}`
  }

  /**
   * One text or a pair as token numbers, special tokens included, at most `maxLength` of them: of what is longer the end
   * is left out (or the beginning, if the tokenizer says so); of a pair, from the longer one first.
   * Throws `bad-data` for a text that cannot be cut into tokens; `what` names it.
   */
  encode(texts: readonly string[], maxLength: number, what: string): Encoded {
    const pair = texts.length > 1
    const parts = texts.map(text => this.cutUp(text, what))
    const [first = [], second = []] = parts
    const specials = this.specials(pair)
    const [keep, keepSecond] = kept(first.length, second.length, Math.max(0, maxLength - specials))
    const left = this.file.truncation?.direction === 'Left'
    const some = (tokens: string[], count: number) =>
      left ? tokens.slice(tokens.length - count) : tokens.slice(0, count)
    const { tokens, types } = this.assembled(some(first, keep), pair ? some(second, keepSecond) : null)
    const ids = Int32Array.from(tokens.slice(0, maxLength), token => this.number(token, what))
    return {
      ids,
      types: Uint8Array.from(types.slice(0, maxLength)),
      length: first.length + second.length + specials,
    }
  }

  private cutUp(text: string, what: string): string[] {
    if (text.length > TEXT_LIMIT) {
      throw new BantamError(
        'bad-data',
        `${what} has ${text.length} characters; at most ${TEXT_LIMIT} are cut into tokens.`,
        { action: 'Shorten it or take it out.' },
      )
    }
    try {
      return this.tokenizer.tokenize(text, { add_special_tokens: false })
    } catch (cause) {
      throw new BantamError('bad-data', `${what} cannot be cut into tokens: ${reason(cause)}.`, {
        where: this.where,
        action: 'Check the tokenizer.',
        cause,
      })
    }
  }

  private number(token: string, what: string): number {
    const id = this.tokenizer.token_to_id(token) ?? this.tokenizer.model?.unk_token_id
    if (id !== undefined) return id
    throw new BantamError(
      'bad-data',
      `${what}: the tokenizer has no number for ${JSON.stringify(token.slice(0, 40))}.`,
      { where: this.where, action: 'Use a tokenizer with a token for what it does not know.' },
    )
  }

  private assembled(first: string[], second: string[] | null): { tokens: string[]; types: number[] } {
    const done = this.tokenizer.post_processor?.(first, second, true) ?? {
      tokens: first,
      tokens_pair: second,
    }
    // Post-processors without a template hand the second text on, to be put behind the first.
    const behind = done.tokens_pair ?? []
    const types = 'token_type_ids' in done ? done.token_type_ids : undefined
    return {
      tokens: [...done.tokens, ...behind],
      types: types ?? [...done.tokens.map(() => 0), ...behind.map(() => 1)],
    }
  }
}

/** How many tokens of a pair are kept so that they are at most `room`: of the longer one fewer, as `longest_first`. */
function kept(first: number, second: number, room: number): [number, number] {
  if (first + second <= room) return [first, second]
  const short = Math.min(first, second)
  const half = Math.floor(room / 2)
  const [less, more] = short + short > room ? [half, room - half] : [short, room - short]
  return first <= second ? [less, more] : [more, less]
}

const ready = new Map<string, TextTokenizer>()

/**
 * Reads a tokenizer.json. Throws `not-found`, `bad-file` for what is no usable tokenizer, and `bad-data` when its digest
 * is not the one expected.
 */
export function openTokenizer(path: string, digest?: string): TextTokenizer {
  const status = statSync(path, { throwIfNoEntry: false })
  if (!status?.isFile()) {
    throw new BantamError('not-found', 'There is no such tokenizer.', {
      where: path,
      action: 'Choose a tokenizer.json.',
    })
  }
  if (status.size > FILE_LIMIT) throw unusable(path, 'it is larger than 256 MB')
  const bytes = readFileSync(path)
  const found = createHash('sha256').update(bytes).digest('hex')
  if (digest !== undefined && digest !== found) {
    throw new BantamError('bad-data', 'The tokenizer is not the one the data was opened with before.', {
      where: path,
      action: 'Bring back the former file, or import the data again with this one.',
    })
  }
  const known = ready.get(found)
  if (known) return known
  const made = makeTokenizer(bytes, found, path)
  ready.set(found, made)
  for (const old of ready.keys()) {
    if (ready.size <= KEPT) break
    ready.delete(old)
  }
  return made
}

function makeTokenizer(bytes: Uint8Array, digest: string, path: string): TextTokenizer {
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch (cause) {
    throw unusable(path, 'it is not JSON', cause)
  }
  const file = TokenizerFile.safeParse(value)
  if (!file.success) {
    const issue = file.error.issues[0]
    throw unusable(path, `${issue?.path.join('.') || 'it'} is not as in a tokenizer.json`)
  }
  try {
    const tokenizer = new TokenizerClass(file.data, {})
    if (!(Number(tokenizer.model?.vocab.length) > 0)) throw new Error('its vocabulary is empty')
    const made = new TextTokenizer(digest, tokenizer, file.data, path)
    // What is wrong with its parts shows when they are used.
    tokenizer.tokenize('a')
    made.specials(false)
    return made
  } catch (cause) {
    throw unusable(path, reason(cause), cause)
  }
}

function unusable(path: string, why: string, cause?: unknown): BantamError {
  return new BantamError('bad-file', `The file is no usable tokenizer: ${why}.`, {
    where: path,
    action: 'Take the tokenizer.json that came with the model.',
    ...(cause === undefined ? {} : { cause }),
  })
}

function reason(cause: unknown): string {
  // What the library did not expect, rather than what it found.
  if (cause instanceof TypeError) return 'a part of it is missing or broken'
  return (cause instanceof Error ? cause.message : String(cause)).replace(/\.$/, '')
}
