/** Strings and text features. */
import type { TextOp } from './names'
import { free, type OpRow } from './row'

export const text = {
  RegexFullMatch: free,
  StringConcat: free,
  StringNormalizer: free,
  StringSplit: free,
  TfIdfVectorizer: free,
  'com.microsoft:Tokenizer': free,
  'com.microsoft:NGramRepeatBlock': free,
} satisfies Record<TextOp, OpRow>
