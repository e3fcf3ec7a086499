/** A small tokenizer and tables of text for tests. */
import type { TensorInfo } from '../../../shared/domain'

export const WORDS = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'free', 'money', 'now', 'hello', 'dear', '##s', '!']

interface Parts {
  words?: readonly string[]
  specials?: boolean
  padding?: object | null
  truncation?: object | null
}

/** tokenizer.json with lower-cased words, [CLS] … [SEP] around them. */
export function tokenizerJson({
  words = WORDS,
  specials = true,
  padding = null,
  truncation = null,
}: Parts = {}) {
  const token = (name: string, type: number) => ({ SpecialToken: { id: name, type_id: type } })
  const sequence = (id: string, type: number) => ({ Sequence: { id, type_id: type } })
  const special = (name: string) => ({ id: name, ids: [words.indexOf(name)], tokens: [name] })
  return {
    version: '1.0',
    truncation,
    padding,
    added_tokens: words
      .filter(w => /^\[.*\]$/.test(w))
      .map(content => ({
        id: words.indexOf(content),
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
    post_processor: specials
      ? {
          type: 'TemplateProcessing',
          single: [token('[CLS]', 0), sequence('A', 0), token('[SEP]', 0)],
          pair: [token('[CLS]', 0), sequence('A', 0), token('[SEP]', 0), sequence('B', 1), token('[SEP]', 1)],
          special_tokens: { '[CLS]': special('[CLS]'), '[SEP]': special('[SEP]') },
        }
      : null,
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(words.map((word, id) => [word, id])),
    },
  }
}

/** Inputs of a model that reads text; `length` a number when it takes texts of one length only. */
export function textInputs(length: number | string, names = ['input_ids', 'attention_mask']): TensorInfo[] {
  return names.map(name => ({ name, type: 'int64', shape: ['batch', length] }))
}

export function jsonl(rows: readonly Record<string, unknown>[]): string {
  return `${rows.map(row => JSON.stringify(row)).join('\n')}\n`
}
