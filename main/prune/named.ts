/** Names of things that options leave alone: `*` stands for any text. */
import { BantamError } from '../../shared/errors'
import { namePattern } from '../onnx/name-pattern'
import { nearest } from '../quantize/names'

/**
 * The items that patterns name, each known by several names. Throws `bad-option` for a pattern that names none, with
 * those nearest.
 */
export function namedBy<T>(
  patterns: readonly string[],
  items: readonly T[],
  names: (item: T) => readonly string[],
): Set<T> {
  const found = new Set<T>()
  for (const pattern of patterns) {
    const matcher = namePattern(pattern)
    const named = items.filter(item => names(item).some(name => matcher.test(name)))
    if (named.length === 0) {
      const near = nearest(
        pattern,
        items.flatMap(item => names(item).slice(0, 1)),
      )
      throw new BantamError('bad-option', `Nothing that could be pruned is called ${pattern}.`, {
        where: 'exclude',
        ...(near.length > 0 ? { action: `Near it are ${near.join(', ')}.` } : {}),
      })
    }
    for (const item of named) found.add(item)
  }
  return found
}
