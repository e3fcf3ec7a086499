/** Kinds of techniques, by their ids. */

/** Trains: with students, losses and curves. */
export function isTrainingTechnique(id: string): boolean {
  return /^(distill|train)\./.test(id)
}

/** Trains what it quantizes: its form is the general one, its curves are those of any training. */
export function isQuantizedTraining(id: string): boolean {
  return id === 'quantize.qat'
}

export function isPruning(id: string): boolean {
  return id.startsWith('prune.')
}

export const STATIC = 'quantize.static-int8'
/** The same with a search for what stays in float. */
export const MIXED = 'quantize.mixed'

/** Weights and activations in 8 bits, layer by layer. */
export function isStaticQuantization(id: string): boolean {
  return id === STATIC || id === MIXED
}

/** Chosen in a dialog of its own. */
export function hasOwnDialog(id: string): boolean {
  return isTrainingTechnique(id) || isPruning(id) || isStaticQuantization(id)
}
