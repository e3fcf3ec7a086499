/** The names that exporters give to the inputs a tokenizer feeds. */
import type { TensorInfo, TextRole } from './domain'

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

const PAST = /past(_key_values?)?|^cache_in|^in_cache/i

/** What remains of the name of an input that takes keys or values of the past; undefined for other names. */
export function pastKey(name: string): string | undefined {
  return PAST.test(name) ? name.replace(PAST, '').toLowerCase() : undefined
}

/** Whether an input takes keys or values of the past: [batch, heads, past, width], or [2, batch, …] for both in one. */
export function takesPast({ name, type, shape }: TensorInfo): boolean {
  return pastKey(name) !== undefined && (shape.length === 4 || shape.length === 5) && /^float/.test(type)
}
