/** Names of nodes as notes, plans and sensitivities describe them. */

/** 'Conv /features/conv1/Conv' as operator and name; 'Relu → x' has the name of its value. */
export function nodeParts(described: string): { op: string; name: string } {
  const at = described.indexOf(' ')
  if (at < 0) return { op: '', name: described }
  return { op: described.slice(0, at), name: described.slice(at + 1).replace(/^→ /, '') }
}
