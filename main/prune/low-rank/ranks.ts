/**
 * Which layer keeps what rank. A rank costs what it computes and loses the energy of the singular values it leaves out
 * (Eckart and Young 1936): Σ σ² beyond the rank over Σ σ² of the layer.
 */
import type { PruneCost } from '../../../shared/prune'
import { highestRank, type LowRankLayer, stepOf } from './layers'

/** A layer with the squares of its singular values, falling. */
export interface Spectrum {
  layer: LowRankLayer
  squares: Float64Array
}

/** Ranks in the order of the layers; null: the layer stays whole. */
export type Ranks = (number | null)[]
export type Counted = keyof PruneCost

/** What is left of a layer when it is a choice of rank. */
export function costAt({ whole, unit }: LowRankLayer, rank: number | null): PruneCost {
  if (rank === null) return whole
  return { parameters: unit.parameters * rank, macs: unit.macs * rank, bytes: unit.bytes * rank }
}

/** Share of the energy that a rank loses. */
export function lossAt({ squares }: Spectrum, rank: number | null): number {
  if (rank === null) return 0
  let [lost, all] = [0, 0]
  squares.forEach((square, i) => {
    const energy = Math.max(0, square)
    all += energy
    if (i >= rank) lost += energy
  })
  return all > 0 ? lost / all : 0
}

/** The same share of the cost of every layer that gets cheaper by it. */
export function uniformRanks(spectra: readonly Spectrum[], share: number, counted: Counted): Ranks {
  return spectra.map(({ layer }) => {
    if (share >= 1) return null
    const most = highestRank(layer)
    if (most === 0) return null
    const step = stepOf(layer)
    const wished = (share * layer.whole[counted]) / layer.unit[counted]
    return Math.min(most, Math.max(step, Math.floor(wished / step) * step))
  })
}

/** The same share of the rank of every layer; whole where that is not cheaper. */
export function equalRanks(spectra: readonly Spectrum[], share: number): Ranks {
  return spectra.map(({ layer }) => {
    const step = stepOf(layer)
    const rank = Math.max(step, Math.round((share * Math.min(layer.rows, layer.columns)) / step) * step)
    return rank <= highestRank(layer) ? rank : null
  })
}

interface State {
  rank: number | null
  cost: number
  loss: number
}

/** All choices of a layer, whole first, then falling ranks. */
function statesOf(spectrum: Spectrum, counted: Counted): State[] {
  const { layer, squares } = spectrum
  const states: State[] = [{ rank: null, cost: layer.whole[counted], loss: 0 }]
  const step = stepOf(layer)
  let all = 0
  for (const square of squares) all += Math.max(0, square)
  let [lost, next] = [0, squares.length]
  for (let rank = highestRank(layer); rank > 0; rank -= step) {
    for (; next > rank; next--) lost += Math.max(0, squares[next - 1] ?? 0)
    states.push({ rank, cost: layer.unit[counted] * rank, loss: all > 0 ? lost / all : 0 })
  }
  return states
}

/**
 * The ranks that lose least for a total cost of `wanted`, as near to it as steps allow: what is left out first loses the
 * least energy for what it saves, by Lagrange's multiplier, then step by step.
 */
export function globalRanks(spectra: readonly Spectrum[], wanted: number, counted: Counted): Ranks {
  const states = spectra.map(spectrum => statesOf(spectrum, counted))
  const pick = (price: number) =>
    states.map(list =>
      list.reduce((best, s, i) => (value(s, price) < value(list[best], price) ? i : best), 0),
    )
  const total = (chosen: readonly number[]) =>
    chosen.reduce((sum, at, i) => sum + (states[i]?.[at]?.cost ?? 0), 0)
  let [low, high] = [0, 1]
  const all = states.reduce((sum, [whole]) => sum + (whole?.cost ?? 0), 0)
  const price = (x: number) => x / (1 - Math.min(x, 1 - 1e-12)) / Math.max(1, all)
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (total(pick(price(middle) * states.length)) > wanted) low = middle
    else high = middle
  }
  const chosen = pick(price(low) * states.length)
  // Between two prices steps of single layers are left; the last one only where it comes closer.
  for (let over = total(chosen) - wanted; over > 0; over = total(chosen) - wanted) {
    const best = cheapestStep(states, chosen)
    if (best === null) break
    chosen[best] = (chosen[best] ?? 0) + 1
    if (wanted - total(chosen) <= over) continue
    chosen[best] = (chosen[best] ?? 0) - 1
    break
  }
  return chosen.map((at, i) => states[i]?.[at]?.rank ?? null)
}

function value(state: State | undefined, price: number): number {
  return state ? state.loss + price * state.cost : Number.POSITIVE_INFINITY
}

/** The layer whose next step loses least for what it saves; null where no layer has one. */
function cheapestStep(states: readonly State[][], chosen: readonly number[]): number | null {
  let [best, least] = [null as number | null, Number.POSITIVE_INFINITY]
  states.forEach((list, i) => {
    const [now, next] = [list[chosen[i] ?? 0], list[(chosen[i] ?? 0) + 1]]
    if (!now || !next) return
    const rate = (next.loss - now.loss) / Math.max(1e-12, now.cost - next.cost)
    if (rate < least) [best, least] = [i, rate]
  })
  return best
}
