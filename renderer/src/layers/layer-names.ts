/** Names of layers in little room: what tells one layer from another is at the end of a path, before its operator. */

/** A path's parts, without the last where it only repeats the operator: '/fc1/Gemm' of a Gemm → ['fc1']. */
export function nameParts(name: string, op: string): string[] {
  const parts = name.split(/[/.]/).filter(Boolean)
  const last = parts.at(-1) ?? ''
  const bare = op.split('.').at(-1) ?? op
  const repeats = last.replace(/_\d+$/, '').toLowerCase() === bare.toLowerCase()
  if (parts.length < 2 || !repeats) return parts
  const before = parts.at(-2) ?? ''
  // A bare number says little: '/net/9/Gemm' is 'Gemm 9'.
  return /^\d+$/.test(before) ? [...parts.slice(0, -2), `${bare} ${before}`] : parts.slice(0, -1)
}

/**
 * The longest form that fits in `room` characters: the whole path, its last parts, its number with its last part,
 * the last part alone, else that part cut with an ellipsis.
 */
export function fitted(name: string, op: string, room: number): string {
  const parts = nameParts(name, op)
  const last = parts.at(-1) ?? name
  const number = parts.slice(0, -1).findLast(p => /\d/.test(p))
  const tails = parts.map((_, from) => parts.slice(from).join('/')).slice(0, -1)
  const numbered = number === undefined ? [] : [`${number.replace(/\D+/g, '')} ${last}`]
  const forms = [...tails.filter(t => number === undefined || /\d/.test(t)), ...numbered, last]
  const fits = forms.find(form => form.length <= room)
  return fits ?? `${last.slice(0, Math.max(1, room - 1))}…`
}
