/** Pictures of samples, kept while they are likely to be asked for again. */
import { readDataset } from '../workspace/datasets'
import type { Bench } from './bench'
import { teacherInputs } from './datasets'

const KEPT_BYTES = 32 * 1024 * 1024

export class Pictures {
  private readonly kept = new Map<string, Uint8Array>()
  private bytes = 0

  constructor(private readonly bench: Bench) {}

  /** PNG of a sample; null when it has none. Throws `not-found` for an unknown dataset. */
  async get(id: string, index: number): Promise<Uint8Array | null> {
    const dataset = readDataset(this.bench.workspace, id)
    if (index >= dataset.count) return null
    const key = `${id}/${index}`
    const known = this.kept.get(key)
    if (known) return known
    const inputs = teacherInputs(this.bench, dataset.studyId)
    const picture = await this.bench.warm.ask('picture', { spec: dataset.spec, inputs, index })
    if (picture) this.keep(key, picture)
    return picture
  }

  private keep(key: string, picture: Uint8Array): void {
    this.kept.set(key, picture)
    this.bytes += picture.length
    for (const [old, { length }] of this.kept) {
      if (this.bytes <= KEPT_BYTES) break
      this.kept.delete(old)
      this.bytes -= length
    }
  }
}
