/** What the last bits of a training depend on besides plan and data. */
import { arch, cpus, platform } from 'node:os'

/** The processor by name, with architecture and system: sums are taken in another order on another one. */
export function processor(): string {
  return [cpus()[0]?.model.trim() ?? 'unknown processor', arch(), platform()].join(', ')
}
