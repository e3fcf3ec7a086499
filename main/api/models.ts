import { basename, extname } from 'node:path'
import { BantamError } from '../../shared/errors'
import { studyHead } from '../workspace/studies'
import { teacherOf, variantStudy } from '../workspace/variants'
import type { Bench } from './bench'
import { procedure } from './procedure'

export function modelsRouter(bench: Bench) {
  const { workspace } = bench
  return procedure.models.router({
    import: procedure.models.import.handler(({ input }) => {
      studyHead(workspace, input.study)
      if (input.parent && variantStudy(workspace, input.parent) !== input.study) {
        throw new BantamError('bad-option', 'The parent belongs to another study.', { where: input.parent })
      }
      if (!input.parent && teacherOf(workspace, input.study)) {
        throw new BantamError('conflict', 'The study has a teacher already.', {
          action: 'Import the model as a variant of it, or make another study.',
        })
      }
      const path = bench.grants.path(input.file)
      const name = basename(path, extname(path)) || 'model'
      return bench.queue.enqueue(input.study, `Import ${basename(path)}`, {
        kind: 'import-model',
        study: input.study,
        path,
        name,
        parent: input.parent,
        measure: true,
      })
    }),
  })
}
