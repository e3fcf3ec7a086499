/** Values of samples, run by run: in memory up to a bound, in a temporary file beyond it. */
import type { Edge } from '../../onnx/cut'
import type { Tensor } from '../../runtime/tensor'
import { type Slot, Spill } from './spill'

type Place = { tensor: Tensor } | { slot: Slot }

export class Values {
  private readonly places: Map<string, Place>[]
  private spill: Spill | undefined
  /** Bytes in memory. */
  private bytes = 0

  /**
   * @param runs number of runs that the samples are cut into
   * @param bound bytes that stay in memory
   * @param folder where the file is made, when it comes to that
   */
  constructor(
    runs: number,
    private readonly bound: number,
    private readonly folder: string,
  ) {
    this.places = Array.from({ length: runs }, () => new Map())
  }

  has(run: number, name: string): boolean {
    return this.places[run]?.has(name) ?? false
  }

  /** Keeps a value of a run. Throws `no-space` when the disk is full. */
  async put(run: number, name: string, tensor: Tensor): Promise<void> {
    const size = byteLength(tensor)
    if (this.bytes + size <= this.bound) {
      this.bytes += size
      this.places[run]?.set(name, { tensor })
      return
    }
    this.spill ??= await Spill.open(this.folder)
    this.places[run]?.set(name, { slot: await this.spill.write(tensor) })
  }

  /** Undefined for what is not kept. */
  async get(run: number, name: string): Promise<Tensor | undefined> {
    const place = this.places[run]?.get(name)
    if (!place || 'tensor' in place) return place?.tensor
    return this.spill?.read(place.slot)
  }

  /** Forgets all but some values of a run. */
  retain(run: number, names: ReadonlySet<string>): void {
    const places = this.places[run]
    for (const [name, place] of places ?? []) {
      if (names.has(name)) continue
      places?.delete(name)
      if ('tensor' in place) this.bytes -= byteLength(place.tensor)
      else this.spill?.release(place.slot)
    }
  }

  /** A value as a model's input: an axis that is not as long in every run is free. Undefined for what is not kept. */
  edge(name: string): Edge | undefined {
    const tensors = this.places.flatMap(places => {
      const place = places.get(name)
      return place ? ['tensor' in place ? place.tensor : place.slot.empty] : []
    })
    const [first, ...others] = tensors
    if (!first) return undefined
    const ranks = others.every(({ dims }) => dims.length === first.dims.length)
    const shape = first.dims.map((size, axis) =>
      others.every(({ dims }) => dims[axis] === size) ? size : `${name} axis ${axis}`,
    )
    return { name, type: first.type, shape: ranks ? shape : null }
  }

  async close(): Promise<void> {
    for (const places of this.places) places.clear()
    await this.spill?.close()
    this.spill = undefined
  }
}

function byteLength({ data }: Tensor): number {
  return 'byteLength' in data ? data.byteLength : 0
}
