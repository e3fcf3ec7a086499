/** Patterns for names of nodes and weights, as options give them. */

/** Matches whole names; `*` stands for any text, everything else for itself. */
export function namePattern(pattern: string): RegExp {
  const parts = pattern.split('*').map(part => part.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`)
}
