import { readModelSummary } from '../workspace/models'
import { variantCore } from '../workspace/variants'
import type { Bench } from './bench'
import { procedure } from './procedure'

export function techniquesRouter(bench: Bench) {
  return procedure.techniques.router({
    advise: procedure.techniques.advise.handler(({ input }) => {
      const model = readModelSummary(bench.workspace, variantCore(bench.workspace, input.variant).model)
      return bench.warm.ask('advise', { step: input.step, model })
    }),
  })
}
