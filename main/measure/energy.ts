/**
 * Energy from the processor's own counters (RAPL): Linux shows them as /sys/class/powercap/intel-rapl:N/energy_uj, one
 * per package, for Intel and AMD. What is counted is the whole package while the model runs: other programs and the
 * idle draw are in it (no baseline is taken off). Not on macOS, Windows, virtual machines or most ARM boards.
 */
import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface EnergyMeter {
  available: boolean
  /** Where the numbers come from, or why there are none: one sentence. */
  source: string
  /** Joules since the last call (since the meter was opened, for the first); 0 where not available. */
  lap(): number
}

interface Counter {
  path: string
  /** Microjoules at which the counter starts again from 0. */
  range: number
  last: number
}

/** Opens the counters, all of them or none. `root` and `platform` are this machine's own when absent. */
export function openEnergyMeter(
  root = '/sys/class/powercap',
  platform: string = process.platform,
): EnergyMeter {
  const none = (source: string): EnergyMeter => ({ available: false, source, lap: () => 0 })
  if (platform !== 'linux') {
    return none(
      'Energy is not available: this system does not show the energy counters of the processor to programs.',
    )
  }
  // Packages are intel-rapl:0, …; their parts (intel-rapl:0:0) are already in them.
  const packages = existsSync(root) ? readdirSync(root).filter(name => /^intel-rapl:\d+$/.test(name)) : []
  if (packages.length === 0) {
    return none(
      'Energy is not available: this machine has no energy counters (virtual machines and many boards have none).',
    )
  }
  const folders = packages.map(name => join(root, name))
  for (const folder of folders) {
    const path = join(folder, 'energy_uj')
    try {
      accessSync(path, constants.R_OK)
    } catch {
      return none(
        `Energy is not available: the counters are there, but only the administrator may read them (${path}).`,
      )
    }
  }
  const counters = folders.map(open)
  return {
    available: true,
    source: `Energy counters of the processor (RAPL, ${packages.join(', ')}): whole package, idle draw included.`,
    lap: () => counters.reduce((sum, counter) => sum + advance(counter), 0),
  }
}

function open(folder: string): Counter {
  const path = join(folder, 'energy_uj')
  return { path, range: readNumber(join(folder, 'max_energy_range_uj')), last: readNumber(path) }
}

/** Joules since the last reading, one wrap-around allowed for. */
function advance(counter: Counter): number {
  const now = readNumber(counter.path)
  const used = now >= counter.last ? now - counter.last : now + counter.range - counter.last
  counter.last = now
  return used / 1e6
}

function readNumber(path: string): number {
  return Number(readFileSync(path, 'utf8').trim())
}
