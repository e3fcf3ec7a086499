import type { TensorInfo } from '../../shared/domain'
import * as datasets from '../workspace/datasets'
import { readModelSummary } from '../workspace/models'
import { studyHead } from '../workspace/studies'
import { requireTeacher, variantCore } from '../workspace/variants'
import type { Bench } from './bench'
import { grantedSpec } from './grants'
import { procedure } from './procedure'

export function datasetsRouter(bench: Bench) {
  const { workspace, warm, grants } = bench
  return procedure.datasets.router({
    probe: procedure.datasets.probe.handler(({ input }) =>
      warm.ask('probe', { source: grants.source(input.file), inputs: teacherInputs(bench, input.study) }),
    ),
    preview: procedure.datasets.preview.handler(({ input }) =>
      warm.ask('preview', {
        spec: grantedSpec(grants, input.file, input.spec),
        inputs: teacherInputs(bench, input.study),
        indices: input.indices,
      }),
    ),
    import: procedure.datasets.import.handler(({ input }) => {
      studyHead(workspace, input.study)
      requireTeacher(workspace, input.study)
      const spec = grantedSpec(grants, input.file, input.spec)
      return bench.queue.enqueue(input.study, `Import ${input.name}`, {
        kind: 'import-dataset',
        study: input.study,
        name: input.name,
        spec,
        measure: true,
      })
    }),
    get: procedure.datasets.get.handler(({ input }) => datasets.readDataset(workspace, input.id)),
    remove: procedure.datasets.remove.handler(({ input }) => {
      const { studyId } = datasets.readDataset(workspace, input.id)
      datasets.removeDataset(workspace, input.id)
      bench.bus.publish({ type: 'study', id: studyId })
      return {}
    }),
    preprocessing: procedure.datasets.preprocessing.handler(
      ({ input }) => datasets.readDataset(workspace, input.id).spec.preprocessing ?? null,
    ),
  })
}

/** Inputs of a study's teacher: what its data has to feed. Throws `not-found` without a teacher. */
export function teacherInputs({ workspace }: Bench, study: string): TensorInfo[] {
  studyHead(workspace, study)
  return readModelSummary(workspace, variantCore(workspace, requireTeacher(workspace, study)).model).inputs
}
