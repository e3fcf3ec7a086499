import { hardware } from '../measure/hardware'
import { VERSION } from '../version'
import { readSettings, writeSettings } from '../workspace/settings'
import type { Bench } from './bench'
import { procedure } from './procedure'

export function appRouter(bench: Bench) {
  return procedure.app.router({
    info: procedure.app.info.handler(async () => {
      const [machine, devices, techniques] = await Promise.all([
        hardware(),
        bench.warm.ask('devices', {}),
        bench.warm.ask('techniques', {}),
      ])
      return { version: VERSION, shell: bench.shell, hardware: machine, devices, techniques }
    }),
    events: procedure.app.events.handler(({ signal }) => bench.bus.subscribe(signal)),
  })
}

export function settingsRouter(bench: Bench) {
  return procedure.settings.router({
    get: procedure.settings.get.handler(() => readSettings(bench.workspace)),
    set: procedure.settings.set.handler(({ input }) => {
      const settings = writeSettings(bench.workspace, input)
      bench.bus.publish({ type: 'settings', settings })
      return settings
    }),
  })
}
