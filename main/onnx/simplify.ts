/** Simplification: passes in the order they run, again and again until none changes anything. */
import type { Note } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { Model } from './model'
import { foldBatchNorm } from './passes/fold-batchnorm'
import { foldConstants } from './passes/fold-constants'
import { liftConstants } from './passes/lift-constants'
import { mergeDuplicates } from './passes/merge-duplicates'
import type { Pass, PassResult } from './passes/pass'
import { removeDead } from './passes/remove-dead'
import { removeIdentities } from './passes/remove-identities'
import { resolveCastLike } from './passes/resolve-cast-like'
import { resolveSequences } from './passes/resolve-sequences'

const PASSES: readonly Pass[] = [
  liftConstants,
  resolveCastLike,
  resolveSequences,
  foldConstants,
  removeIdentities,
  foldBatchNorm,
  removeDead,
  mergeDuplicates,
]

/** Every pass makes the graph smaller, so that this is never reached; it bounds a mistake. */
const MAX_ROUNDS = 10

/**
 * Makes the graph smaller without changing what it computes beyond float noise. The given model stays as it is; the
 * result shares its tensors. Notes say what was done and, once per node, what was left and why. Where a model would
 * grow, depends on replaceable weights or on subgraphs, it is left as it is. Throws `bad-model` on a cycle, and what
 * reading weights throws.
 */
export async function simplify(model: Model): Promise<{ model: Model; modified: boolean; notes: Note[] }> {
  let current = model
  let modified = false
  const notes = new Map<string, Note>()
  for (let round = 0, again = true; again && round < MAX_ROUNDS; round++) {
    again = false
    for (const pass of PASSES) {
      const result = await runPass(pass, current)
      current = result.model
      again ||= result.modified
      modified ||= result.modified
      for (const note of result.notes) notes.set(`${note.code} ${note.node ?? ''} ${note.message}`, note)
    }
  }
  return { model: current, modified, notes: [...notes.values()] }
}

/** Adds the pass's name to what goes wrong in it. */
async function runPass(pass: Pass, model: Model): Promise<PassResult> {
  try {
    return await pass.run(model)
  } catch (error) {
    if (error instanceof BantamError) throw error
    throw new BantamError('internal', `The pass ${pass.id} failed: ${String(error)}`, { cause: error })
  }
}
