import { readdirSync, statSync } from 'node:fs'
import { basename, extname, join } from 'node:path'
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
      const path = modelPath(bench.grants.path(input.file))
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

/** A folder stands for the one model in it: its external data lies there too. Throws `bad-file` when it is not one. */
function modelPath(path: string): string {
  if (!statSync(path).isDirectory()) return path
  const models = readdirSync(path).filter(name => extname(name).toLowerCase() === '.onnx')
  const [only] = models
  if (only && models.length === 1) return join(path, only)
  throw new BantamError(
    'bad-file',
    only
      ? `Several ONNX models lie in this folder: ${models.slice(0, 5).join(', ')}.`
      : 'No ONNX model lies in this folder.',
    { where: path, action: 'Choose an .onnx file.' },
  )
}
