/**
 * The search for an assignment of precisions that loses no more than allowed, over models that are really made and
 * measured:
 *
 * 1. everything in 8 bits; where that loses too much, other ways to choose scales (repairs), each kept if it loses less;
 * 2. still too much: layers in the order of the noise each adds alone for what it saves in 8 bits are kept in float, as
 *    few as are enough (doubling, then halving, their number);
 * 3. while time lasts: layers are put back into 8 bits, their activations into 16, or exchanged for a cheaper one.
 *
 * The best so far is kept throughout. The same measurements give the same result. Greedy assignment by measured
 * sensitivity as in Dong et al. 2019, "HAWQ" (arXiv:1905.03696) and Cai et al. 2020, "ZeroQ" (arXiv:2001.00281), with the
 * measured noise in place of an estimate, and every step judged on the whole model.
 */
import type { StaticOptions } from '../static/options'
import type { Layer } from './layers'

/** Options that differ from those that were asked for. */
export type Settings = Partial<StaticOptions>

export interface Assignment {
  settings: Settings
  /** Ids of the layers in float, and of those with 16-bit activations. */
  float: ReadonlySet<string>
  wide: ReadonlySet<string>
}

/** What a trial found. */
export interface Found {
  /** What is lost of the metric, and whether that is allowed. */
  drop: number
  allowed: boolean
  /** Noise of the answers relative to their signal. */
  noise: number
  bytes: number
  /** Latency relative to the float model with its 95 % interval; null where not measured. */
  latency: { ratio: number; low: number; high: number } | null
}

export interface Tried extends Found {
  assignment: Assignment
}

export interface Laboratory {
  layers: readonly Layer[]
  /** What to try where everything in 8 bits loses too much, in this order. */
  repairs: readonly Settings[]
  goal: 'fastest' | 'smallest'
  measure(assignment: Assignment): Promise<Found>
  /** Noise of the answers with one layer alone in 8 bits, by id. */
  noises(settings: Settings): Promise<ReadonlyMap<string, number>>
  /** True when the search has to end. */
  over(): boolean
  /** Hears of the best so far after every trial. */
  tried?(best: Tried): void
}

/** Trials in a row without a gain that end the search. */
const FRUITLESS = 64
/** A repair that only lowers the noise must lower it to this. */
const QUIETER = 0.9

/** Throws what the laboratory throws. */
export function searchMixed(laboratory: Laboratory): Promise<{ best: Tried; ended: 'finished' | 'time' }> {
  return new Search(laboratory).run()
}

class Search {
  private best: Tried | undefined
  private readonly known = new Map<string, Tried>()

  constructor(private readonly laboratory: Laboratory) {}

  async run(): Promise<{ best: Tried; ended: 'finished' | 'time' }> {
    const all = await this.try({ settings: {}, float: new Set(), wide: new Set() })
    const repaired = all.allowed ? all : await this.repair(all)
    if (!repaired.allowed) await this.keepInFloat(repaired.assignment.settings)
    if (this.best?.allowed) await this.improve()
    return { best: this.best ?? all, ended: this.laboratory.over() ? 'time' : 'finished' }
  }

  private async try(assignment: Assignment): Promise<Tried> {
    const key = keyOf(assignment)
    const before = this.known.get(key)
    if (before) return before
    const tried = { ...(await this.laboratory.measure(assignment)), assignment }
    this.known.set(key, tried)
    if (!this.best || this.isBetter(tried, this.best)) this.best = tried
    this.laboratory.tried?.(this.best)
    return tried
  }

  private async repair(all: Tried): Promise<Tried> {
    let current = all
    for (const repair of this.laboratory.repairs) {
      if (this.laboratory.over()) break
      const settings = { ...current.assignment.settings, ...repair }
      const tried = await this.try({ ...current.assignment, settings })
      const loses = tried.drop - current.drop
      if (loses < 0 || (loses === 0 && tried.noise < QUIETER * current.noise)) current = tried
      if (tried.allowed) return tried
    }
    return current
  }

  /** Finds the fewest layers, the worst first, that are enough. */
  private async keepInFloat(settings: Settings): Promise<void> {
    const { laboratory } = this
    if (laboratory.over()) return
    const noises = await laboratory.noises(settings)
    const noise = ({ id }: Layer) => noises.get(id) ?? 0
    const { layers } = laboratory
    const least = 1e-3 * layers.reduce((sum, layer) => sum + Math.max(0, this.cost(layer)), 0) + 1e-12
    const price = (layer: Layer) => Math.max(least, this.cost(layer))
    const order = [...layers].sort((a, b) => noise(b) / price(b) - noise(a) / price(a))
    // Something must be left in 8 bits, and the others follow those with weights.
    const quietest = layers.filter(l => l.weighted).sort((a, b) => noise(a) - noise(b))[0]
    const ordered = order.filter(layer => layer !== quietest)
    const float = (count: number) => new Set(ordered.slice(0, count).map(({ id }) => id))
    const tries = (count: number) => this.try({ settings, float: float(count), wide: new Set() })
    let [low, high] = [0, 0]
    for (let count = 1; high === 0 && low < ordered.length; count = Math.min(2 * count, ordered.length)) {
      if (laboratory.over()) return
      if ((await tries(count)).allowed) high = count
      else low = count
    }
    while (high - low > 1 && !laboratory.over()) {
      const middle = Math.floor((low + high) / 2)
      if ((await tries(middle)).allowed) high = middle
      else low = middle
    }
  }

  /** First gain first, until nothing beside the best is better. */
  private async improve(): Promise<void> {
    let fruitless = 0
    for (let at = this.best; at; ) {
      let next: Tried | undefined
      for (const assignment of this.beside(at.assignment)) {
        if (this.laboratory.over() || fruitless >= FRUITLESS) return
        if (this.known.has(keyOf(assignment))) continue
        const tried = await this.try(assignment)
        fruitless++
        if (this.best !== tried) continue
        next = tried
        fruitless = 0
        break
      }
      at = next
    }
  }

  /** Assignments that differ in one layer or two, those that promise most first. */
  private beside({ settings, float, wide }: Assignment): Assignment[] {
    const { layers, goal } = this.laboratory
    const cost = (layer: Layer) => this.cost(layer)
    const outside = layers.filter(({ id }) => float.has(id) || wide.has(id)).sort((a, b) => cost(b) - cost(a))
    const inside = layers.filter(({ id }) => !float.has(id) && !wide.has(id))
    const back = outside.map(({ id }) => ({ settings, float: without(float, id), wide: without(wide, id) }))
    const narrower =
      goal === 'smallest'
        ? outside
            .filter(({ id, weighted }) => weighted && float.has(id))
            .map(({ id }) => ({ settings, float: without(float, id), wide: new Set([...wide, id]) }))
        : []
    const exchanged = outside
      .flatMap(out => inside.map(other => ({ out, other, gain: cost(out) - cost(other) })))
      .filter(({ gain }) => gain > 0)
      .sort((a, b) => b.gain - a.gain)
      .map(({ out, other }) => ({
        settings,
        float: new Set([...without(float, out.id), other.id]),
        wide: without(wide, out.id),
      }))
    // What is slower in 8 bits than in float.
    const slower = goal === 'fastest' ? inside.filter(layer => cost(layer) < 0) : []
    const freed = slower
      .sort((a, b) => cost(a) - cost(b))
      .map(({ id }) => ({ settings, float: new Set([...float, id]), wide }))
    return [...back, ...narrower, ...freed, ...exchanged].filter(next => this.leavesWeights(next))
  }

  private leavesWeights({ float }: Assignment): boolean {
    return this.laboratory.layers.some(({ id, weighted }) => weighted && !float.has(id))
  }

  /** What a layer costs more in float than in 8 bits. */
  private cost({ bytes, milliseconds }: Layer): number {
    return this.laboratory.goal === 'smallest' ? bytes : milliseconds
  }

  private isBetter(a: Tried, b: Tried): boolean {
    if (a.allowed !== b.allowed) return a.allowed
    if (!a.allowed) return a.drop < b.drop || (a.drop === b.drop && a.noise < b.noise)
    if (this.laboratory.goal === 'smallest')
      return a.bytes < b.bytes || (a.bytes === b.bytes && this.isFaster(a, b))
    return this.isFaster(a, b)
  }

  /** By the measured latencies where these tell the two apart, else by the times of the layers. */
  private isFaster(a: Tried, b: Tried): boolean {
    if (a.latency && b.latency) {
      if (a.latency.high < b.latency.low) return true
      if (b.latency.high < a.latency.low) return false
    }
    return this.expected(a) < this.expected(b)
  }

  private expected({ assignment: { float, wide } }: Tried): number {
    const outside = this.laboratory.layers.filter(({ id }) => float.has(id) || wide.has(id))
    // Layers that profiles find faster in float are kept there only where the whole model is measured to be faster.
    return outside.reduce((sum, { milliseconds }) => sum + Math.max(0, milliseconds) + 1e-9, 0)
  }
}

function without(set: ReadonlySet<string>, id: string): Set<string> {
  return new Set([...set].filter(other => other !== id))
}

/** The same for the same assignment. */
export function keyOf({ settings, float, wide }: Assignment): string {
  const sorted = Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1))
  return JSON.stringify([sorted, [...float].sort(), [...wide].sort()])
}
