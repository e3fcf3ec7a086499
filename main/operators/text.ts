/** Strings and text features. */
import type { TextOp } from './names'
import { free, type OpRow, row } from './row'

export const text = {
  RegexFullMatch: row(free, 'zero'),
  StringConcat: row(free, 'zero'),
  StringNormalizer: row(free, 'zero'),
  StringSplit: row(free, 'zero'),
  TfIdfVectorizer: row(free, 'zero'),
  'com.microsoft:Tokenizer': row(free, 'zero'),
  'com.microsoft:NGramRepeatBlock': row(free, 'zero'),
} satisfies Record<TextOp, OpRow>
