/** Where a tokenizer lies. */
import { existsSync } from 'node:fs'
import { basename, dirname, isAbsolute, join } from 'node:path'
import type { DatasetSpec } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import { parseSource } from '../source'

/** What a tokenizer's file is usually called. */
export const TOKENIZER_NAME = 'tokenizer.json'

/** Path of a tokenizer: absolute as it is, else a file of that name beside the data. Throws `bad-option` for other paths. */
export function tokenizerPath(tokenizer: string, source: string): string {
  if (isAbsolute(tokenizer)) return tokenizer
  if (tokenizer === basename(tokenizer)) return join(dirname(parseSource(source).path), tokenizer)
  throw new BantamError(
    'bad-option',
    'The place of the tokenizer is neither absolute nor a name beside the data.',
    {
      where: tokenizer,
    },
  )
}

/** The tokenizer.json beside the data, if there is one. */
export function tokenizerBeside(source: string): string | undefined {
  return existsSync(tokenizerPath(TOKENIZER_NAME, source)) ? TOKENIZER_NAME : undefined
}

/** Path of a dataset's tokenizer; undefined when its samples are no text. */
export function datasetTokenizer({ source, preprocessing }: DatasetSpec): string | undefined {
  return preprocessing?.kind === 'text' ? tokenizerPath(preprocessing.tokenizer, source) : undefined
}
