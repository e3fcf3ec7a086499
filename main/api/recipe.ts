/** The way from the teacher to a variant as recipe YAML. */
import { stringify } from 'yaml'
import { lineage } from '../workspace/variants'
import type { Workspace } from '../workspace/workspace'

/** An imported variant has no step: the recipe then starts from it, and says so. Throws `not-found`. */
export function recipeYaml(workspace: Workspace, id: string): string {
  const chain = lineage(workspace, id)
  const start = chain.findLastIndex(v => v.step === null)
  const origin = chain[start]
  const steps = chain.slice(start + 1).flatMap(v => (v.step ? [v.step] : []))
  const from = `# Starts from ${origin?.name} (sha256 ${origin?.model})\n`
  return from + stringify({ name: chain.at(-1)?.name, seed: chain.at(-1)?.seed ?? 0, steps })
}
