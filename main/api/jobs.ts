import type { Bench } from './bench'
import { procedure } from './procedure'

export function jobsRouter({ queue }: Bench) {
  return procedure.jobs.router({
    list: procedure.jobs.list.handler(() => queue.list()),
    log: procedure.jobs.log.handler(({ input }) => ({ lines: queue.log(input.id) })),
    cancel: procedure.jobs.cancel.handler(({ input }) => {
      queue.cancel(input.id)
      return {}
    }),
    pause: procedure.jobs.pause.handler(({ input }) => {
      queue.pause(input.id)
      return {}
    }),
    resume: procedure.jobs.resume.handler(({ input }) => queue.resume(input.id)),
    finish: procedure.jobs.finish.handler(({ input }) => {
      queue.finish(input.id)
      return {}
    }),
    retry: procedure.jobs.retry.handler(({ input }) => queue.retry(input.id)),
    clear: procedure.jobs.clear.handler(() => {
      queue.clear()
      return {}
    }),
  })
}
