import { Device } from '../../shared/domain'
import type { Asks } from '../jobs/protocol'
import { hardware } from '../measure/hardware'
import { VERSION } from '../version'
import { readFact, readSettings, writeFact, writeSettings } from '../workspace/settings'
import type { Bench } from './bench'
import { procedure } from './procedure'

type Devices = Asks['devices']['answer']

export function appRouter(bench: Bench) {
  return procedure.app.router({
    info: procedure.app.info.handler(() => appInfo(bench)),
    events: procedure.app.events.handler(({ signal }) => bench.bus.subscribe(signal)),
  })
}

/** What the screen needs before it can show anything. */
export async function appInfo(bench: Bench) {
  const [machine, devices, techniques] = await Promise.all([
    hardware(),
    knownDevices(bench),
    bench.warm.ask('techniques', {}),
  ])
  return { version: VERSION, shell: bench.shell, hardware: machine, devices, techniques }
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

/**
 * Trying every device takes seconds, so what was found at the last start is told at once and tried again behind the
 * scenes: a driver installed meanwhile is seen when the screen next asks.
 */
async function knownDevices({ warm, workspace }: Bench): Promise<Devices> {
  const fresh = warm.ask('devices', {}).then(devices => {
    if (!warm.isClosed) writeFact(workspace, 'devices', devices)
    return devices
  })
  fresh.catch(() => {}) // whoever waits for it hears of it
  const known = readFact<Devices>(workspace, 'devices')
  if (known) return known
  const late = new Promise<Devices>(resolve => setTimeout(resolve, PATIENCE_MS, untried).unref())
  return Promise.race([fresh, late])
}

/** How long the very first start waits for the devices. */
const PATIENCE_MS = 1500

const untried: Devices = Device.options.map(id => ({
  id,
  label: id === 'cpu' ? 'CPU' : id,
  available: id === 'cpu',
  reason: id === 'cpu' ? '' : 'Still being tried; look again in a moment.',
}))
