import { BantamError } from '../../shared/errors'
import { latestBenchmark } from '../workspace/measurements'
import { studyHead } from '../workspace/studies'
import { requireTeacher, variantCore } from '../workspace/variants'
import type { Bench } from './bench'
import { procedure } from './procedure'

export function measureRouter(bench: Bench) {
  const { workspace } = bench
  return procedure.measure.router({
    run: procedure.measure.run.handler(({ input }) => {
      requireTeacher(workspace, input.study)
      const chosen = input.variants.map(id => variantCore(workspace, id))
      const stranger = chosen.find(v => v.study !== input.study)
      if (stranger) {
        throw new BantamError('bad-option', 'A variant belongs to another study.', { where: stranger.name })
      }
      const title = chosen.length === 1 ? `Measure ${chosen[0]?.name}` : `Measure ${chosen.length} models`
      return bench.queue.enqueue(input.study, title, { kind: 'measure', ...input })
    }),
    latest: procedure.measure.latest.handler(({ input }) => {
      studyHead(workspace, input.study)
      return latestBenchmark(workspace, input.study)
    }),
  })
}
