import { appRouter, settingsRouter } from './app'
import type { Bench } from './bench'
import { datasetsRouter } from './datasets'
import { distillRouter, trainingRouter } from './distill'
import { artifactsRouter, filesRouter } from './files'
import { jobsRouter } from './jobs'
import { measureRouter } from './measure'
import { modelsRouter } from './models'
import { procedure } from './procedure'
import { pruneRouter } from './prune'
import { quantizeRouter } from './quantize'
import { studiesRouter } from './studies'
import { techniquesRouter } from './techniques'
import { variantsRouter } from './variants'

/** Handlers for every procedure of the contract; the compiler proves that none is missing. */
export function createRouter(bench: Bench) {
  return procedure.router({
    app: appRouter(bench),
    settings: settingsRouter(bench),
    files: filesRouter(bench),
    studies: studiesRouter(bench),
    models: modelsRouter(bench),
    datasets: datasetsRouter(bench),
    techniques: techniquesRouter(bench),
    variants: variantsRouter(bench),
    distill: distillRouter(bench),
    prune: pruneRouter(bench),
    quantize: quantizeRouter(bench),
    training: trainingRouter(bench),
    measure: measureRouter(bench),
    jobs: jobsRouter(bench),
    artifacts: artifactsRouter(bench),
  })
}

export type Router = ReturnType<typeof createRouter>
