/**
 * Optimizers over flat parameters in one WebAssembly memory. The update rules are those of PyTorch:
 *
 * - SGD with momentum (Sutskever et al. 2013, Nesterov's form included): b = μ·b + g, w −= lr·b
 * - Adam (Kingma & Ba 2015): w −= lr·m̂ / (√v̂ + ε), m̂ and v̂ with bias correction; weight decay adds λ·w to g, as in SGD
 * - AdamW (Loshchilov & Hutter 2019): weight decay apart from the gradient, w −= lr·λ·w
 *
 * The average of weights (Polyak & Juditsky 1992) is e += (1 − decay)·(w − e), begun with the weights after the first step.
 */
import { BantamError } from '../../../shared/errors'
import { ParameterMemory, type ParameterSpec } from './memory'
import { misfit, packState, readHeader, type StateHeader } from './state'

export interface OptimizerOptions {
  kind: 'sgd' | 'adam' | 'adamw'
  /** Of SGD; 0 by default. */
  momentum?: number
  nesterov?: boolean
  /** Of Adam: 0.9, 0.999 and 1e-8 by default. */
  beta1?: number
  beta2?: number
  epsilon?: number
  /** 0 by default. */
  weightDecay?: number
  /** Decay of the average of weights; 0 or absent: none is kept. */
  ema?: number
  /** Room to add up gradients of several batches. */
  accumulate?: boolean
}

type Section = 'weights' | 'gradients' | 'first' | 'second' | 'averaged' | 'accumulator'

/** Steps between two times of setting denormals to 0. */
const FLUSH_EVERY = 32

export class Optimizer {
  private steps = 0
  private accumulated = 0
  private readonly o: Required<OptimizerOptions>

  private constructor(
    private readonly memory: ParameterMemory<Section>,
    options: OptimizerOptions,
  ) {
    this.o = withDefaults(options)
  }

  /**
   * All weights, gradients and moments begin at 0: fill `weights(name)` or `load`. Throws `unsupported` when the memory
   * cannot be had and says how many bytes it takes; `bad-option` when two parameters have one name.
   */
  static create(parameters: readonly ParameterSpec[], options: OptimizerOptions): Optimizer {
    const sections: Section[] = ['weights', 'gradients']
    if (options.kind !== 'sgd' || options.momentum) sections.push('first')
    if (options.kind !== 'sgd') sections.push('second')
    if (options.ema) sections.push('averaged')
    if (options.accumulate) sections.push('accumulator')
    return new Optimizer(new ParameterMemory(parameters, sections), options)
  }

  /** Steps taken so far. */
  get stepCount(): number {
    return this.steps
  }

  /** The weights of a parameter: a view that stays good, 64-byte aligned. */
  weights(name: string): Float32Array {
    return this.memory.view('weights', name)
  }

  /** Where the gradient of a parameter is to be written: a view that stays good, 64-byte aligned. */
  gradients(name: string): Float32Array {
    return this.memory.view('gradients', name)
  }

  /** The average of a parameter's weights, a view, meaningful after the first step; undefined when none is kept. */
  averaged(name: string): Float32Array | undefined {
    return this.memory.pointer('averaged') ? this.memory.view('averaged', name) : undefined
  }

  /** Adds the gradients to those already added up; the next step uses their mean. Throws `internal` without `accumulate`. */
  accumulateGradients(): void {
    const { kernels, length } = this.memory
    const accumulator = this.memory.pointer('accumulator')
    if (!accumulator) throw new BantamError('internal', 'This optimizer was made without `accumulate`.')
    kernels.add(accumulator, this.memory.pointer('gradients'), length)
    this.accumulated++
  }

  /** Forgets the gradients added up so far. */
  discard(): void {
    if (this.accumulated > 0)
      this.memory.kernels.clear(this.memory.pointer('accumulator'), this.memory.length)
    this.accumulated = 0
  }

  /** L2 norm over all parameters of the gradient that `step` would use (scale 1); not finite when a value is not. */
  gradientNorm(): number {
    const { kernels, length } = this.memory
    const { pointer, scale } = this.source()
    return Math.sqrt(kernels.sumOfSquares(pointer, length)) * scale
  }

  /** The first parameter, in the order given, of which a gradient `step` would use is not finite. */
  firstNonFinite(): string | undefined {
    const { kernels, parameters } = this.memory
    const { pointer } = this.source()
    return parameters.find(p => !Number.isFinite(kernels.sumOfSquares(pointer + p.at * 4, p.size)))?.name
  }

  /**
   * One update. `scale` multiplies the gradients first (clipping, loss scaling). Uses the mean of what was added up since
   * the last step if anything was, and begins to add up anew.
   */
  step(learningRate: number, scale = 1): void {
    const { decayed, length } = this.memory
    this.steps++
    this.update(0, decayed, this.o.weightDecay, learningRate, scale)
    this.update(decayed, length - decayed, 0, learningRate, scale)
    if (this.accumulated > 0) this.memory.kernels.clear(this.memory.pointer('accumulator'), length)
    this.accumulated = 0
    if (this.steps % FLUSH_EVERY === 0) this.flush()
  }

  /** Moments and averages of parameters that get no gradient shrink until they are denormal, which is slow. */
  private flush(): void {
    for (const section of ['first', 'second', 'averaged'] as const) {
      const pointer = this.memory.pointer(section)
      if (pointer) this.memory.kernels.flush(pointer, this.memory.length)
    }
  }

  private source(): { pointer: number; scale: number } {
    return this.accumulated > 0
      ? { pointer: this.memory.pointer('accumulator'), scale: 1 / this.accumulated }
      : { pointer: this.memory.pointer('gradients'), scale: 1 }
  }

  /** Updates `n` values from index `at` on. */
  private update(at: number, n: number, weightDecay: number, learningRate: number, scale: number): void {
    if (n === 0) return
    const { kernels } = this.memory
    const { kind, momentum, nesterov, beta1, beta2, epsilon, ema } = this.o
    const pointer = (section: Section) => {
      const start = this.memory.pointer(section)
      return start && start + at * 4
    }
    const source = this.source()
    const g = source.pointer + at * 4
    const l2 = kind === 'adamw' ? 0 : weightDecay
    const averageRate = this.steps === 1 ? 1 : 1 - ema
    if (kind === 'sgd') {
      kernels.sgd(
        pointer('weights'),
        g,
        pointer('first'),
        pointer('averaged'),
        n,
        scale * source.scale,
        l2,
        momentum,
        nesterov,
        learningRate,
        averageRate,
      )
      return
    }
    // lr·(m/c₁) / (√v/c₂ + ε) = (lr·c₂/c₁)·m / (√v + ε·c₂), c₂ being the root of v's correction.
    const correction2 = Math.sqrt(1 - beta2 ** this.steps)
    kernels.adam(
      pointer('weights'),
      g,
      pointer('first'),
      pointer('second'),
      pointer('averaged'),
      n,
      scale * source.scale,
      l2,
      kind === 'adamw' ? 1 - learningRate * weightDecay : 1,
      1 - beta1,
      beta2,
      1 - beta2,
      (learningRate * correction2) / (1 - beta1 ** this.steps),
      epsilon * correction2,
      averageRate,
    )
  }

  /** Everything the next steps depend on but the gradients of the batch at hand: weights, moments, average, counts. */
  save(): Uint8Array {
    const header = this.header(this.steps, this.accumulated)
    return packState(
      header,
      header.sections.map(section => this.memory.whole(section)),
    )
  }

  /** Takes up a saved state, bit for bit. Throws `bad-data` when it is damaged or does not fit; nothing is changed then. */
  load(bytes: Uint8Array): void {
    const { header, at } = readHeader(bytes)
    const expected = this.header(header.steps, header.accumulated)
    const needed = expected.sections.length * this.memory.length * 4
    const reason =
      misfit(header, expected) ??
      (bytes.length - at === needed
        ? undefined
        : `it has ${bytes.length - at} bytes of values, not ${needed}`)
    if (reason) {
      throw new BantamError('bad-data', `The saved state of the optimizer does not fit: ${reason}.`, {
        action: 'Continue with the settings and the model it was saved with.',
      })
    }
    expected.sections.forEach((section, i) => {
      const whole = this.memory.whole(section)
      const start = at + i * whole.byteLength
      new Uint8Array(whole.buffer, whole.byteOffset, whole.byteLength).set(
        bytes.subarray(start, start + whole.byteLength),
      )
    })
    this.steps = header.steps
    this.accumulated = header.accumulated
  }

  private header(steps: number, accumulated: number): StateHeader<Section> {
    return {
      kind: this.o.kind,
      steps,
      accumulated,
      sections: this.memory.sections.filter(
        s => s !== 'gradients' && (s !== 'accumulator' || accumulated > 0),
      ),
      parameters: this.memory.parameters.map(({ name, size, decay }) => ({ name, size, decay })),
    }
  }
}

function withDefaults(o: OptimizerOptions): Required<OptimizerOptions> {
  return {
    kind: o.kind,
    momentum: o.momentum ?? 0,
    nesterov: o.nesterov ?? false,
    beta1: o.beta1 ?? 0.9,
    beta2: o.beta2 ?? 0.999,
    epsilon: o.epsilon ?? 1e-8,
    weightDecay: o.weightDecay ?? 0,
    ema: o.ema ?? 0,
    accumulate: o.accumulate ?? false,
  }
}
