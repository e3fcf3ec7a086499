/**
 * One WebAssembly memory for all numbers of a training run, cut into sections of equal layout: every parameter begins
 * at a multiple of 64 bytes of each section, those with weight decay first. It never grows, so views into it stay good.
 */
import { BantamError } from '../../../shared/errors'
import { formatBytes } from '../../../shared/format'
import { KERNELS } from './kernels.generated'

export interface ParameterSpec {
  name: string
  /** Number of float32 values. */
  size: number
  /** Weight decay applies. */
  decay: boolean
}

/** What kernels.as.ts exports; pointers in bytes, counts in float32 values. */
export interface Kernels {
  adam(
    w: number,
    g: number,
    m: number,
    v: number,
    average: number,
    n: number,
    scale: number,
    l2: number,
    keep: number,
    rate1: number,
    beta2: number,
    rate2: number,
    stepSize: number,
    epsilon: number,
    averageRate: number,
  ): void
  sgd(
    w: number,
    g: number,
    b: number,
    average: number,
    n: number,
    scale: number,
    l2: number,
    momentum: number,
    nesterov: boolean,
    rate: number,
    averageRate: number,
  ): void
  add(a: number, g: number, n: number): void
  sumOfSquares(g: number, n: number): number
  flush(at: number, n: number): void
  clear(at: number, n: number): void
}

/** A parameter and the index of its first value within a section. */
export interface Placed extends ParameterSpec {
  at: number
}

/** Values between two places where a parameter may begin: 64 bytes. */
const ALIGNMENT = 16
const PAGE = 65536

export class ParameterMemory<Section extends string> {
  /** In the order given. */
  readonly parameters: readonly Placed[]
  /** Values of a section, padding included. */
  readonly length: number
  /** Values of a section that come before the first parameter without weight decay. */
  readonly decayed: number
  readonly kernels: Kernels
  private readonly buffer: ArrayBuffer
  private readonly places: ReadonlyMap<string, Placed>

  /** Throws `unsupported` when the memory cannot be had, `bad-option` when two parameters have one name. */
  constructor(
    parameters: readonly ParameterSpec[],
    readonly sections: readonly Section[],
  ) {
    let at = 0
    const placed = [...parameters.filter(p => p.decay), ...parameters.filter(p => !p.decay)].map(p => {
      const place = { name: p.name, size: p.size, decay: p.decay, at }
      at += padded(p.size)
      return place
    })
    this.places = new Map(placed.map(p => [p.name, p]))
    this.parameters = parameters.flatMap(p => this.places.get(p.name) ?? [])
    this.length = at
    this.decayed = placed.find(p => !p.decay)?.at ?? at
    if (this.places.size < placed.length) {
      throw new BantamError('bad-option', 'Two parameters have the same name.', {
        where: placed.find(p => this.places.get(p.name) !== p)?.name ?? '',
      })
    }
    // Nothing lies at offset 0, which the kernels take for "no such section".
    const memory = allocate((ALIGNMENT + at * sections.length) * 4)
    this.buffer = memory.buffer
    const module = new WebAssembly.Module(Buffer.from(KERNELS, 'base64'))
    // The module exports these functions: kernels.as.ts defines them, and a test compares the two.
    this.kernels = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as Kernels
  }

  /** Byte offset of a section, 0 when there is none of that name. */
  pointer(section: Section): number {
    const index = this.sections.indexOf(section)
    return index < 0 ? 0 : (ALIGNMENT + index * this.length) * 4
  }

  /** The values of a whole section, padding included. */
  whole(section: Section): Float32Array {
    return new Float32Array(this.buffer, this.pointer(section), this.length)
  }

  /** The values of one parameter. Throws `internal` when there is none of that name. */
  view(section: Section, name: string): Float32Array {
    const place = this.places.get(name)
    if (!place) throw new BantamError('internal', `The optimizer has no parameter ${name}.`)
    return new Float32Array(this.buffer, this.pointer(section) + place.at * 4, place.size)
  }
}

function padded(size: number): number {
  return Math.ceil(size / ALIGNMENT) * ALIGNMENT
}

function allocate(bytes: number): WebAssembly.Memory {
  const pages = Math.ceil(bytes / PAGE)
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages })
  } catch (cause) {
    throw new BantamError(
      'unsupported',
      `Training needs ${formatBytes(bytes)} (${bytes} bytes) in one piece for weights, gradients and the state of the optimizer, which cannot be had.`,
      { cause, action: 'Train fewer layers, choose an optimizer with less state, or leave out the average.' },
    )
  }
}
