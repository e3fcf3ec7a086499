import type { StudentRef } from '../jobs/protocol'
import { referencedVariant } from '../jobs/references'
import { machine, modelRef, referencedModel } from '../jobs/work/lookup'
import { currentDataset } from '../workspace/datasets'
import { readTraining, variantStudy } from '../workspace/variants'
import type { Workspace } from '../workspace/workspace'
import type { Bench } from './bench'
import { inspected } from './inspected'
import { procedure } from './procedure'

export function distillRouter({ workspace, warm }: Bench) {
  return procedure.distill.router({
    preview: procedure.distill.preview.handler(async ({ input }) => {
      const teacher = inspected(workspace, input.parent)
      const { threads } = await machine(workspace)
      return warm.ask('student', { teacher, student: student(workspace, input), threads })
    }),
    graph: procedure.distill.graph.handler(({ input: { variant, student: text } }) =>
      warm.ask('graph', {
        model: modelRef(workspace, variant),
        student: text === null ? null : student(workspace, { parent: variant, student: text }),
      }),
    ),
    pairs: procedure.distill.pairs.handler(async ({ input }) => {
      const teacher = inspected(workspace, input.parent)
      const dataset = currentDataset(workspace, variantStudy(workspace, input.parent))
      const { threads } = await machine(workspace)
      return warm.ask('pairs', {
        teacher,
        student: student(workspace, input),
        data: dataset ? { spec: dataset.spec, inputs: teacher.summary.inputs } : null,
        threads,
      })
    }),
  })
}

export function trainingRouter({ workspace, queue }: Bench) {
  return procedure.training.router({
    job: procedure.training.job.handler(({ input }) => queue.training(input.id)),
    variant: procedure.training.variant.handler(({ input }) => readTraining(workspace, input.id)),
  })
}

/** Throws `not-found` for a model that is not there, `bad-option` for one of another study. */
function student(
  workspace: Workspace,
  { parent, student: text }: { parent: string; student: string },
): StudentRef {
  const id = referencedVariant(text)
  if (id === undefined) return { text, model: null }
  referencedModel(workspace, variantStudy(workspace, parent), id)
  return { text, model: inspected(workspace, id) }
}
