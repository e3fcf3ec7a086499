/**
 * Dimension variables. Every axis of every value is a `Dim`; what a node says of its operands becomes equations between
 * them, solved by unification (union-find with terms):
 *   dim := variable | dim + dim + … (concatenated along the axis) | dim × dim × … (row-major, outermost first)
 * A variable that no equation takes apart is a group of channels: what is removed from it at one place is removed at
 * all. Equations that cannot be solved (a boundary inside a channel, sizes that do not divide) fix every variable on
 * both sides. After "Structurally Prune Anything" (arXiv 2403.18955) and "DepGraph" (arXiv 2301.12900), with factors
 * instead of lists of indices, so that heads and the width of a head stay apart.
 */

/** Why something may not be reduced, and the node that says so. */
export interface Reason {
  message: string
  node?: string
  /** It runs over places (pixels, tokens, taps of a kernel, rows of a table), so that it is no group of channels at all. */
  place?: boolean
}

/** Reasons kept for one variable: enough to be told, not the whole graph. */
const REASONS_KEPT = 3
/** More rows than this are not compared with each other. */
const ROWS = 64

export class Dim {
  /** The dim this one was found equal to. */
  same: Dim | null = null
  parts: { kind: 'sum' | 'product'; of: readonly Dim[] } | null = null
  /** Of variables: why the size is fixed; empty when it is free. */
  reasons: Reason[] = []
  /** Of variables: nodes whose result depends on how many channels there are (means, normalizations over them). */
  counted = new Set<string>()

  constructor(readonly size: number) {}
}

export function newDim(size: number): Dim {
  return new Dim(size)
}

/** A variable whose size may not change. */
export function fixedDim(size: number, reason: Reason): Dim {
  const dim = new Dim(size)
  dim.reasons.push(reason)
  return dim
}

/** What stands for the dim now. */
export function find(dim: Dim): Dim {
  let at = dim
  while (at.same) at = at.same
  for (let next = dim; next.same && next.same !== at; ) {
    const after: Dim = next.same
    next.same = at
    next = after
  }
  return at
}

/** Dims one after the other along one axis. */
export function sumOf(parts: readonly Dim[]): Dim {
  const filled = parts.filter(part => part.size > 0)
  if (filled.length === 1 && filled[0]) return filled[0]
  const dim = new Dim(filled.reduce((size, part) => size + part.size, 0))
  if (filled.length > 1) dim.parts = { kind: 'sum', of: filled }
  return dim
}

/** Dims as row-major factors of one axis, the outermost first. */
export function productOf(parts: readonly Dim[]): Dim {
  const larger = parts.filter(part => part.size !== 1)
  if (larger.length === 1 && larger[0]) return larger[0]
  const dim = new Dim(larger.reduce((size, part) => size * part.size, 1))
  if (larger.length > 1) dim.parts = { kind: 'product', of: larger }
  return dim
}

/** The variables the dim is made of, each once, in order of first appearance. */
export function leaves(dim: Dim, found = new Set<Dim>()): Set<Dim> {
  const at = find(dim)
  if (at.parts) for (const part of at.parts.of) leaves(part, found)
  else found.add(at)
  return found
}

/** Fixes every variable of the dim. */
export function fix(dim: Dim, reason: Reason): void {
  for (const leaf of leaves(dim)) addReasons(leaf, [reason])
}

/** Notes that the node's result depends on the number of channels. */
export function count(dim: Dim, node: string): void {
  for (const leaf of leaves(dim)) leaf.counted.add(node)
}

/** True when some variable of the dim may be reduced. */
export function isFree(dim: Dim): boolean {
  return [...leaves(dim)].some(leaf => leaf.reasons.length === 0 && leaf.size > 1)
}

/** Makes both sides equal; where that cannot be, fixes their variables for the reason given. */
export function unify(left: Dim, right: Dim, reason: Reason): void {
  if (!solve(left, right, reason)) {
    fix(left, reason)
    fix(right, reason)
  }
}

function addReasons(leaf: Dim, reasons: readonly Reason[]): void {
  for (const reason of reasons) {
    if (leaf.reasons.length >= REASONS_KEPT) return
    if (!leaf.reasons.some(r => r.message === reason.message && r.node === reason.node))
      leaf.reasons.push(reason)
  }
}

/** Puts `to` in the place of the variable `from`, with what is known of it. */
function bind(from: Dim, to: Dim): void {
  for (const leaf of leaves(to)) {
    addReasons(leaf, from.reasons)
    for (const node of from.counted) leaf.counted.add(node)
  }
  from.same = to
}

function solve(left: Dim, right: Dim, reason: Reason): boolean {
  const a = find(left)
  const b = find(right)
  if (a === b) return true
  if (a.size !== b.size) return false
  if (!a.parts || !b.parts) {
    if (a.parts) bind(b, a)
    else bind(a, b)
    return true
  }
  const summed = a.parts.kind === 'sum' || b.parts.kind === 'sum'
  const solved = summed
    ? solveSums(terms(a), terms(b), reason)
    : solveProducts(factors(a), factors(b), reason)
  // Equal now in every part, one may stand for both.
  if (solved && find(a) !== find(b)) find(a).same = find(b)
  return solved
}

/** The dim as a sum of dims that are none. A product whose outermost factor is a sum is multiplied out. */
function terms(dim: Dim): Dim[] {
  const at = find(dim)
  if (!at.parts) return [at]
  if (at.parts.kind === 'sum') return at.parts.of.flatMap(terms)
  const [outer, ...inner] = factors(at)
  const outerTerms = outer ? terms(outer) : []
  return outerTerms.length > 1 ? outerTerms.map(term => productOf([term, ...inner])) : [at]
}

/** The dim as a product of dims that are none. */
function factors(dim: Dim): Dim[] {
  const at = find(dim)
  if (at.parts?.kind !== 'product') return at.size === 1 ? [] : [at]
  return at.parts.of.flatMap(factors)
}

function solveSums(left: Dim[], right: Dim[], reason: Reason): boolean {
  const a = [...left]
  const b = [...right]
  while (a.length > 0 && b.length > 0) {
    const x = a.shift()
    const y = b.shift()
    if (!x || !y) return false
    if (x.size === y.size) {
      if (!solve(x, y, reason)) return false
      continue
    }
    const [small, large, rest] = x.size < y.size ? [x, y, b] : [y, x, a]
    const split = splitTerm(large, small.size, reason)
    if (!split || !solve(small, split[0], reason)) return false
    rest.unshift(split[1])
  }
  return a.length === 0 && b.length === 0
}

/** Cuts a term of a sum after `at` elements; undefined when that cannot be. */
function splitTerm(term: Dim, at: number, reason: Reason): [Dim, Dim] | undefined {
  const now = terms(term)
  if (now.length > 1) return splitTerms(now, at, reason)
  const [outer, ...inner] = factors(term)
  const block = inner.reduce((size, factor) => size * factor.size, 1)
  if (!outer || outer.parts) return undefined
  if (at % block !== 0) return splitInside(outer, productOf(inner), at, reason)
  const first = newDim(at / block)
  const second = newDim(outer.size - at / block)
  bind(outer, sumOf([first, second]))
  return [productOf([first, ...inner]), productOf([second, ...inner])]
}

/** Cuts within one of the outermost channels: these stay, and what they consist of comes apart there in all of them. */
function splitInside(outer: Dim, row: Dim, at: number, reason: Reason): [Dim, Dim] | undefined {
  if (outer.size > ROWS) return undefined
  const split = splitTerm(row, at % row.size, reason)
  if (!split) return undefined
  fix(outer, reason)
  const before = Math.floor(at / row.size)
  const rows = (count: number) => Array.from({ length: count }, () => row)
  return [sumOf([...rows(before), split[0]]), sumOf([split[1], ...rows(outer.size - before - 1)])]
}

/** As `splitTerm`, for a term that has come apart since it was listed. */
function splitTerms(parts: readonly Dim[], at: number, reason: Reason): [Dim, Dim] | undefined {
  let before = 0
  for (const [i, part] of parts.entries()) {
    if (before === at) return [sumOf(parts.slice(0, i)), sumOf(parts.slice(i))]
    if (before + part.size > at) {
      const split = splitTerm(part, at - before, reason)
      return split && [sumOf([...parts.slice(0, i), split[0]]), sumOf([split[1], ...parts.slice(i + 1)])]
    }
    before += part.size
  }
  return undefined
}

/** Where factors cannot be matched, only those up to the next common boundary are fixed. */
function solveProducts(left: Dim[], right: Dim[], reason: Reason): boolean {
  const a = [...left]
  const b = [...right]
  while (a.length > 0 && b.length > 0) {
    const x = a.shift()
    const y = b.shift()
    if (!x || !y) return false
    if (x.size === y.size) {
      unify(x, y, reason)
      continue
    }
    const [small, large, rest] = x.size < y.size ? [x, y, b] : [y, x, a]
    const split = large.size % small.size === 0 ? splitFactor(large, small.size, reason) : undefined
    if (split) {
      unify(small, split[0], reason)
      rest.unshift(...factors(split[1]))
    } else {
      fixToBoundary([x, ...a], [y, ...b], a, b, reason)
    }
  }
  return true
}

/** A sum as equal rows, none of which may go alone: what is at one place of a row is at that place of all. */
function splitRows(parts: readonly Dim[], count: number, reason: Reason): [Dim, Dim] | undefined {
  if (count > ROWS) return undefined
  let rest = sumOf(parts)
  const size = rest.size / count
  const rows: Dim[] = []
  while (rest.size > size) {
    const cut = splitTerms(terms(rest), size, reason)
    if (!cut) return undefined
    rows.push(cut[0])
    rest = cut[1]
  }
  for (const row of rows) unify(row, rest, reason)
  return [fixedDim(count, { ...reason, place: true }), rest]
}

/** Takes a dim apart into an outer factor of that size and the rest; undefined when it is a sum that resists. */
function splitFactor(dim: Dim, outerSize: number, reason: Reason): [Dim, Dim] | undefined {
  const at = find(dim)
  const inner = newDim(at.size / outerSize)
  if (!at.parts) {
    const outer = newDim(outerSize)
    bind(at, productOf([outer, inner]))
    return [outer, inner]
  }
  // a + b = (a′ + b′) × inner, when each of them is a multiple.
  const parts = terms(at)
  if (parts.some(part => part.size % inner.size !== 0)) return splitRows(parts, outerSize, reason)
  const outers = parts.map(part => {
    const outer = newDim(part.size / inner.size)
    unify(part, productOf([outer, inner]), reason)
    return outer
  })
  return [sumOf(outers), inner]
}

/** Fixes factors of both sides until as many elements are passed on each; drops them from the lists `a` and `b`. */
function fixToBoundary(x: readonly Dim[], y: readonly Dim[], a: Dim[], b: Dim[], reason: Reason): void {
  let [i, j] = [1, 1]
  let [left, right] = [x[0]?.size ?? 1, y[0]?.size ?? 1]
  while (left !== right && (i < x.length || j < y.length)) {
    if ((left < right && i < x.length) || j >= y.length) left *= x[i++]?.size ?? 1
    else right *= y[j++]?.size ?? 1
  }
  for (const dim of [...x.slice(0, i), ...y.slice(0, j)]) fix(dim, reason)
  a.splice(0, i - 1)
  b.splice(0, j - 1)
}
