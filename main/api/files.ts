import { BantamError } from '../../shared/errors'
import { readArtifact } from '../workspace/artifacts'
import type { Bench } from './bench'
import { procedure } from './procedure'

export function filesRouter(bench: Bench) {
  return procedure.files.router({
    fromPath: procedure.files.fromPath.handler(({ input }) => {
      if (bench.shell !== 'host') {
        throw new BantamError('unsupported', 'Paths cannot be typed here.', {
          action: 'Choose the file in the dialog.',
        })
      }
      return bench.grants.add(input.path)
    }),
  })
}

export function artifactsRouter(bench: Bench) {
  return procedure.artifacts.router({
    get: procedure.artifacts.get.handler(({ input }) => readArtifact(bench.workspace, input.id).artifact),
  })
}
