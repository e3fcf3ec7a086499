// Trains a WordPiece vocabulary (Schuster and Nakajima 2012; merges by pair frequency as in Sennrich et al. 2016, which is
// how the trainer of Hugging Face tokenizers does it) and writes it as a tokenizer.json.
import { Tokenizer } from '@huggingface/tokenizers'

const SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
/** Characters that occur less often are unknown. */
const FEWEST = 4

/** tokenizer.json as an object, with `size` tokens learned from the texts. */
export function trainWordPiece(texts, size, maxLength) {
  return tokenizerJson(learn(countWords(texts), size), maxLength)
}

/** Words as the tokenizer itself will cut them. */
function countWords(texts) {
  const tokenizer = new Tokenizer(tokenizerJson([...SPECIAL], 1), {})
  const counts = new Map()
  for (const text of texts) {
    for (const word of tokenizer.pre_tokenizer(tokenizer.normalizer(text))) {
      counts.set(word, (counts.get(word) ?? 0) + 1)
    }
  }
  return counts
}

/** Merges the most frequent pair of neighbours until the vocabulary is full; of equal ones the first by code unit. */
function learn(counts, size) {
  const characters = new Map()
  for (const [word, count] of counts) {
    for (const symbol of symbolsOf(word)) characters.set(symbol, (characters.get(symbol) ?? 0) + count)
  }
  const alphabet = [...characters].filter(([, count]) => count >= FEWEST).map(([symbol]) => symbol)
  const vocabulary = [...SPECIAL, ...alphabet.sort()]
  const known = new Set(vocabulary)
  const words = [...counts]
    .map(([word, count]) => ({ symbols: symbolsOf(word), count }))
    .filter(({ symbols }) => symbols.every(s => known.has(s)))
  const pairs = new Map()
  const add = (word, sign) => {
    for (let i = 1; i < word.symbols.length; i++) {
      const key = `${word.symbols[i - 1]}\u0000${word.symbols[i]}`
      const pair = pairs.get(key) ?? { count: 0, words: new Set() }
      pair.count += sign * word.count
      if (sign > 0) pair.words.add(word)
      pairs.set(key, pair)
    }
  }
  for (const word of words) add(word, 1)
  while (vocabulary.length < size) {
    let best
    for (const [key, { count }] of pairs) {
      if (count > 0 && (!best || count > best.count || (count === best.count && key < best.key)))
        best = { key, count }
    }
    if (!best) break
    const [left, right] = best.key.split('\u0000')
    const merged = left + right.replace(/^##/, '')
    if (!known.has(merged)) vocabulary.push(merged)
    known.add(merged)
    for (const word of pairs.get(best.key).words) {
      add(word, -1)
      word.symbols = mergedSymbols(word.symbols, left, right, merged)
      add(word, 1)
    }
    pairs.delete(best.key)
  }
  return vocabulary
}

function symbolsOf(word) {
  return [...word].map((character, i) => (i === 0 ? character : `##${character}`))
}

function mergedSymbols(symbols, left, right, merged) {
  const out = []
  for (let i = 0; i < symbols.length; i++) {
    if (symbols[i] === left && symbols[i + 1] === right) {
      out.push(merged)
      i++
    } else out.push(symbols[i])
  }
  return out
}

function tokenizerJson(vocabulary, maxLength) {
  const special = name => ({ id: name, ids: [SPECIAL.indexOf(name)], tokens: [name] })
  const token = (name, type) => ({ SpecialToken: { id: name, type_id: type } })
  const sequence = (id, type) => ({ Sequence: { id, type_id: type } })
  return {
    version: '1.0',
    truncation: { direction: 'Right', max_length: maxLength, strategy: 'LongestFirst', stride: 0 },
    padding: {
      strategy: { Fixed: maxLength },
      direction: 'Right',
      pad_to_multiple_of: null,
      pad_id: 0,
      pad_type_id: 0,
      pad_token: '[PAD]',
    },
    added_tokens: SPECIAL.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [token('[CLS]', 0), sequence('A', 0), token('[SEP]', 0)],
      pair: [token('[CLS]', 0), sequence('A', 0), token('[SEP]', 0), sequence('B', 1), token('[SEP]', 1)],
      special_tokens: { '[CLS]': special('[CLS]'), '[SEP]': special('[SEP]') },
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(vocabulary.map((name, id) => [name, id])),
    },
  }
}
