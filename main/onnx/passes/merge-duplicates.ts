/** Makes initializers of equal type, shape and bytes one. */
import { copyModel } from '../copy'
import { duplicateWeights } from '../duplicates'
import type { Model } from '../model'
import { counted, done, type Pass, type PassResult } from './pass'

export const mergeDuplicates: Pass = { id: 'merge-duplicates', run: merge }

/** Scales and zero points stay apart: they are parameters that happen to be equal, and cost next to nothing. */
const WORTH = 64

function merge(source: Model): PassResult {
  const groups = duplicateWeights(source, WORTH)
  if (groups.length === 0) return { model: source, modified: false, notes: [] }
  const model = copyModel(source)
  const { graph } = model
  let merged = 0
  for (const { names } of groups) {
    // An input may be replaced by a caller, an output shows its name, a subgraph's reads cannot be renamed.
    const fixed = (name: string) =>
      graph.isInput(name) || graph.isOutput(name) || graph.uses(name).some(use => use.index < 0)
    const free = names.filter(name => !graph.isInput(name))
    const kept = free.find(fixed) ?? free[0]
    for (const name of free) {
      if (name === kept || kept === undefined || fixed(name)) continue
      if (graph.replaceUses(name, kept)) merged++
    }
  }
  if (merged === 0) return { model: source, modified: false, notes: [] }
  graph.removeUnusedInitializers()
  return {
    model,
    modified: true,
    notes: [done('merged-duplicates', `${counted(merged, 'weight')} stored a second time went away.`)],
  }
}
