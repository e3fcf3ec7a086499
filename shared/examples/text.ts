/** What the examples need to cut texts into tokens: source text for JavaScript and Python. */
import type { TextPreprocessing, TextRole } from '../domain'
import { type ExampleInput, type ExampleModel, literal, textOf } from './model'

/** Versions the examples ask for. */
export const TOKENIZERS_JS = '0.2.0'
export const TOKENIZERS_PYTHON = 'tokenizers>=0.21'
/** Usual names of the token that fills up, where the tokenizer does not say. */
const PAD_NAMES = ['[PAD]', '<pad>', '<|pad|>', '<|endoftext|>', '</s>']

/** What an input takes of the tokens; undefined for inputs that are not fed by text. */
export function roleOf(model: ExampleModel, input: Pick<ExampleInput, 'name'>): TextRole | undefined {
  return textOf(model)?.roles[input.name]
}

/** The tokenizer as it lies in a bundle, or beside a program that stands alone. */
export function portable(preprocessing: TextPreprocessing): TextPreprocessing {
  return { ...preprocessing, tokenizer: 'tokenizer.json' }
}

/** `tokenize(texts)` in JavaScript: `{ ids, mask, types, positions }` of one sample; `tokenizerFile` is the parsed JSON. */
export const TOKENIZE_JS = `const tokenizer = new Tokenizer(tokenizerFile, {})

/** A text, or two that belong together, as the model was measured: cut, closed by special tokens, filled up. */
function tokenize(texts) {
  const { maxLength, padding, multiple } = preprocessing
  const close = (a, b) => {
    const done = tokenizer.post_processor?.(a, b, true) ?? { tokens: a, tokens_pair: b }
    const behind = done.tokens_pair ?? []
    return {
      tokens: [...done.tokens, ...behind],
      types: done.token_type_ids ?? [...done.tokens.map(() => 0), ...behind.map(() => 1)],
    }
  }
  const [a, b = null] = texts.map(text => tokenizer.tokenize(text, { add_special_tokens: false }))
  const room = Math.max(0, maxLength - close([], b && []).tokens.length)
  let [first, second] = [a.length, b ? b.length : 0]
  if (first + second > room) {
    // Of a pair the longer one is cut first.
    const short = Math.min(first, second)
    const [less, more] = 2 * short > room ? [Math.floor(room / 2), room - Math.floor(room / 2)] : [short, room - short]
    const swapped = first > second
    first = swapped ? more : less
    second = swapped ? less : more
  }
  const cutsLeft = tokenizerFile.truncation?.direction === 'Left'
  const cut = (tokens, count) => (cutsLeft ? tokens.slice(tokens.length - count) : tokens.slice(0, count))
  const { tokens, types } = close(cut(a, b ? first : Math.min(a.length, room)), b && cut(b, second))
  const ids = tokens.map(token => tokenizer.token_to_id(token) ?? tokenizer.model.unk_token_id)
  const named = ${literal(PAD_NAMES)}.map(name => tokenizer.token_to_id(name)).find(id => id !== undefined)
  const pad = tokenizerFile.padding?.pad_id ?? named ?? 0
  const length = padding === 'max' ? maxLength : Math.min(maxLength, Math.ceil(ids.length / multiple) * multiple)
  const start = tokenizerFile.padding?.direction === 'Left' ? length - ids.length : 0
  const row = (values, fill) => Array.from({ length }, (_, i) => values[i - start] ?? fill)
  return {
    ids: row(ids, pad),
    mask: row(ids.map(() => 1), 0),
    types: row(types, 0),
    positions: Array.from({ length }, (_, i) => Math.max(0, i - start)),
  }
}`

/** The same in Python, on the library the tokenizer was made with. */
export const TOKENIZE_PYTHON = `def tokenize(texts):
    """A text, or two that belong together, as the model was measured: cut, closed by special tokens, filled up."""
    p = preprocessing
    truncation, padding = tokenizer.truncation or {}, tokenizer.padding or {}
    tokenizer.no_padding()
    tokenizer.enable_truncation(p["maxLength"], direction=truncation.get("direction", "right"))
    encoded = tokenizer.encode(*texts)
    length = p["maxLength"]
    if p["padding"] == "longest":
        length = min(length, -(-len(encoded.ids) // p["multiple"]) * p["multiple"])
    named = [i for i in map(tokenizer.token_to_id, ${literal(PAD_NAMES)}) if i is not None]
    pad = padding.get("pad_id", named[0] if named else 0)
    start = length - len(encoded.ids) if padding.get("direction") == "left" else 0

    def row(values, fill):
        return [fill] * start + list(values) + [fill] * (length - start - len(values))

    return {
        "ids": row(encoded.ids, pad),
        "mask": row([1] * len(encoded.ids), 0),
        "types": row(encoded.type_ids, 0),
        "positions": [max(0, i - start) for i in range(length)],
    }

`
