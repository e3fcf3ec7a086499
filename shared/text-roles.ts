/** The names that exporters give to the inputs a tokenizer feeds. */
import type { TextRole } from './domain'

const USUAL: Readonly<Record<string, TextRole>> = {
  input_ids: 'ids',
  token_ids: 'ids',
  tokens: 'ids',
  ids: 'ids',
  attention_mask: 'mask',
  input_mask: 'mask',
  token_type_ids: 'types',
  segment_ids: 'types',
  position_ids: 'positions',
}

/** What an input of this name usually takes; undefined where the name tells nothing. */
export function usualRole(name: string): TextRole | undefined {
  return Object.hasOwn(USUAL, name.toLowerCase()) ? USUAL[name.toLowerCase()] : undefined
}
