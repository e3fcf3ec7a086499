/** Weights and running statistics of a net under training: read where they lie, copied, written to and from bytes. */
import { BantamError } from '../../shared/errors'
import type { TrainingStep } from './step'

export class WeightSet {
  constructor(
    private readonly wrt: readonly string[],
    private readonly step: TrainingStep,
    private readonly averaged: boolean,
    private readonly copied?: ReadonlyMap<string, Float32Array>,
  ) {}

  /** What inference reads: averaged weights where they are kept, and the statistics. The views stay good. */
  views(): Map<string, Float32Array> {
    const { optimizer, statistics } = this.step
    const weights = this.wrt.map((name): [string, Float32Array] => {
      const average = this.averaged ? optimizer.averaged(name) : undefined
      return [name, average ?? optimizer.weights(name)]
    })
    return new Map([...weights, ...statistics])
  }

  /** As they are now, and stay so. */
  copy(): WeightSet {
    const values = [...this.views()].map(([name, data]): [string, Float32Array] => [name, data.slice()])
    return new WeightSet(this.wrt, this.step, this.averaged, new Map(values))
  }

  values(): Map<string, Float32Array> {
    return new Map(this.copied ?? this.views())
  }

  bytes(): Uint8Array {
    return pack([...this.values().values()])
  }

  /** A copy written by `bytes`. Throws `bad-data` when it does not fit. */
  parse(bytes: Uint8Array): WeightSet {
    const views = this.views()
    const parts = unpack(
      bytes,
      [...views.values()].map(v => v.length),
    )
    const names = [...views.keys()]
    return new WeightSet(
      this.wrt,
      this.step,
      this.averaged,
      new Map(names.map((name, i) => [name, parts[i] ?? new Float32Array()])),
    )
  }

  saveStatistics(): Uint8Array {
    return pack([...this.step.statistics.values()])
  }

  /** Throws `bad-data` when it does not fit. */
  loadStatistics(bytes: Uint8Array): void {
    const into = [...this.step.statistics.values()]
    const parts = unpack(
      bytes,
      into.map(v => v.length),
    )
    into.forEach((data, i) => {
      data.set(parts[i] ?? [])
    })
  }
}

function pack(parts: readonly Float32Array[]): Uint8Array {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return new Uint8Array(all.buffer)
}

function unpack(bytes: Uint8Array, lengths: readonly number[]): Float32Array[] {
  const total = lengths.reduce((sum, n) => sum + n, 0)
  if (bytes.length !== total * 4)
    throw new BantamError('bad-data', 'The checkpoint does not fit the model.', {
      action: 'Start the training anew.',
    })
  const all = new Float32Array(bytes.slice().buffer)
  let at = 0
  return lengths.map(length => {
    at += length
    return all.slice(at - length, at)
  })
}
