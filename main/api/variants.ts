import type { DatasetRecord } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { askingWords, type DataNeed } from '../../shared/needs'
import { isTrainingStep } from '../jobs/requests'
import { fileName } from '../jobs/work/files'
import { machine, referencedModels } from '../jobs/work/lookup'
import { currentDataset } from '../workspace/datasets'
import { latestEvaluation } from '../workspace/measurements'
import { readLayers } from '../workspace/models'
import * as variants from '../workspace/variants'
import { bytesArtifact, modelArtifact } from './artifact'
import type { Bench } from './bench'
import { compareVariants, readPredictions, readSpeed } from './compare'
import { procedure } from './procedure'
import { recipeYaml } from './recipe'

export function variantsRouter(bench: Bench) {
  const { workspace, bus } = bench
  const model = (id: string) => variants.variantCore(workspace, id).model
  return procedure.variants.router({
    create: procedure.variants.create.handler(async ({ input }) => {
      const parent = variants.variantCore(workspace, input.parent)
      const { step, title, need } = await bench.warm.ask('step', { step: input.step })
      const dataset = currentDataset(workspace, parent.study)
      requireData(title, need, dataset)
      referencedModels(workspace, parent.study, step)
      return bench.queue.enqueue(parent.study, input.name ?? `${title} of ${parent.name}`, {
        kind: 'variant',
        study: parent.study,
        parent: parent.id,
        step,
        name: input.name ?? null,
        seed: input.seed,
        ...(isTrainingStep(step)
          ? { conditions: { dataset: dataset?.id ?? null, ...(await machine(workspace, input.device)) } }
          : {}),
      })
    }),
    rename: procedure.variants.rename.handler(({ input }) => {
      const study = variants.variantStudy(workspace, input.id)
      variants.renameVariant(workspace, input.id, input.name)
      bus.publish({ type: 'study', id: study })
      return {}
    }),
    remove: procedure.variants.remove.handler(({ input }) => {
      const study = variants.variantStudy(workspace, input.id)
      const removed = variants.removeVariant(workspace, input.id)
      bus.publish({ type: 'study', id: study })
      bus.publish({ type: 'studies' })
      return { removed }
    }),
    layers: procedure.variants.layers.handler(({ input }) => readLayers(workspace, model(input.id))),
    evaluation: procedure.variants.evaluation.handler(({ input }) => {
      variants.variantStudy(workspace, input.id)
      return latestEvaluation(workspace, input.id)?.evaluation ?? null
    }),
    plan: procedure.variants.plan.handler(({ input }) => {
      variants.variantStudy(workspace, input.id)
      return variants.readPlan(workspace, input.id)
    }),
    recipe: procedure.variants.recipe.handler(({ input }) => ({ yaml: recipeYaml(workspace, input.id) })),
    speed: procedure.variants.speed.handler(({ input }) => readSpeed(workspace, input.id)),
    compare: procedure.variants.compare.handler(({ input }) => compareVariants(workspace, input.a, input.b)),
    predictions: procedure.variants.predictions.handler(({ input }) => readPredictions(bench, input)),
    export: procedure.variants.export.handler(({ input }) => exportVariant(bench, input)),
    bundle: procedure.variants.bundle.handler(({ input }) => {
      const { study, name } = variants.variantCore(workspace, input.id)
      return bench.queue.enqueue(study, `Bundle of ${name}`, { kind: 'bundle', study, variant: input.id })
    }),
  })
}

/** Throws `bad-data` when a technique needs data, or labels, that the study does not have. */
function requireData(title: string, need: DataNeed | null, dataset: DatasetRecord | undefined): void {
  if (need && !dataset) {
    const what = need.option ? `${title} with ${askingWords(need.option)}` : title
    throw new BantamError('bad-data', `${what} needs data, and the study has none.`, {
      action: 'Add data first.',
    })
  }
  if (need?.needs === 'labels' && dataset?.task === 'none') {
    throw new BantamError('bad-data', `${title} needs labels, and ${dataset.name} has none.`, {
      where: dataset.name,
      action: 'Add data with labels, or distil: a student can learn from the teacher alone.',
    })
  }
}

async function exportVariant(
  { workspace }: Bench,
  { id, format }: { id: string; format: 'onnx' | 'evidence' },
) {
  const { model, name } = variants.variantCore(workspace, id)
  const evidence = variants.readEvidence(workspace, id)
  const bytes = evidence && new TextEncoder().encode(`${JSON.stringify(evidence, null, 2)}\n`)
  const file = fileName(name)
  if (format === 'onnx') return modelArtifact(workspace, model, file, bytes)
  if (bytes) {
    return bytesArtifact(workspace, { name: `${file}.onnx.bantam.json`, mime: 'application/json', bytes })
  }
  throw new BantamError('not-found', 'This model was imported, so there is no evidence of how it was made.', {
    where: name,
  })
}
