/** Kinds of techniques, by their ids. */

/** Trains: with students, losses and curves. */
export function isTrainingTechnique(id: string): boolean {
  return /^(distill|train)\./.test(id)
}

export function isPruning(id: string): boolean {
  return id.startsWith('prune.')
}

/** Chosen in a dialog of its own. */
export function hasOwnDialog(id: string): boolean {
  return isTrainingTechnique(id) || isPruning(id)
}
