/**
 * Recurrent layers, unrolled over the sequence. X [T, B, I], W [D, G·H, I], R [D, G·H, H], bias [D, 2·G·H], D directions.
 * The products with W are made for all steps at once; per step there is one Gemm with R. A sequence that has ended keeps
 * its state and gives zeros. https://onnx.ai/onnx/operators/onnx__LSTM.html
 */
import { attribute, intAttribute, stringAttribute } from '../../onnx/build'
import type { Builder, Value } from '../../operators/builder'
import { splitInto } from './attend'
import { Declined, type Expansion, type Place } from './expansion'

/** What one direction works with. */
interface Direction {
  m: Builder
  node: Place['node']
  /** X·Wᵀ with both biases that are simply added, per step [B, G·H], in the order of the steps. */
  steps: Value[]
  /** [G·H, H] */
  r: Value
  /** Recurrence bias [G·H], for what must not be added before the gates. */
  rb: Value | undefined
  hidden: number
  activations: string[]
  peepholes: Value | undefined
}

/** One step: from the step's products and the state (h, and c for LSTM; undefined is zero) to the next state. */
type Cell = (d: Direction, step: Value, state: readonly (Value | undefined)[]) => Value[]

/** Activations by name, those without parameters. */
const ACTIVATIONS = new Set(['Sigmoid', 'Tanh', 'Relu', 'Softsign', 'Softplus'])

interface Kind {
  gates: number
  states: number
  activations: readonly string[]
  cell: Cell
}

function act(d: Direction, index: number, x: Value): Value {
  return d.m.unary(d.activations[index] ?? 'Tanh', x)
}

/** C + h·Rᵀ */
function recur(d: Direction, h: Value | undefined, r: Value, c: Value): Value
function recur(d: Direction, h: Value, r: Value, c: Value | undefined): Value
function recur(d: Direction, h: Value | undefined, r: Value, c: Value | undefined): Value {
  if (!h) return c as Value
  const shape = [h.shape[0] ?? '', r.shape[0] ?? '']
  return d.m.emit('Gemm', c ? [h, r, c] : [h, r], shape, { attributes: { transB: 1n } })
}

/** h = f(x + h·Rᵀ) */
const rnnCell: Cell = (d, step, [h]) => [act(d, 0, recur(d, h, d.r, step))]

/** i, o, f = f(… + p⊙c);  c = f⊙c + i⊙g(…);  h = o⊙h(c), the output gate looking at the new c. */
const lstmCell: Cell = (d, step, [h, c]) => {
  const { m, hidden } = d
  const [i, o, f, g] = splitInto(m, recur(d, h, d.r, step), Array(4).fill(hidden), 1) as [
    Value,
    Value,
    Value,
    Value,
  ]
  const [pi, po, pf] = d.peepholes ? splitInto(m, d.peepholes, [hidden, hidden, hidden], 0) : []
  const look = (gate: Value, p: Value | undefined, at: Value | undefined) =>
    p && at ? m.add(gate, m.mul(at, p)) : gate
  const fresh = m.mul(act(d, 0, look(i, pi, c)), act(d, 1, g))
  const next = c ? m.add(m.mul(act(d, 0, look(f, pf, c)), c), fresh) : fresh
  return [m.mul(act(d, 0, look(o, po, next)), act(d, 2, next)), next]
}

/** z, r = f(…);  n = g(x + (r⊙h)·Rᵀ + b), or g(x + r⊙(h·Rᵀ + b)) with linear_before_reset;  h = (1 − z)⊙n + z⊙h */
const gruCell: Cell = (d, step, [h]) => {
  const { m, hidden } = d
  const [xz, xn] = splitInto(m, step, [2 * hidden, hidden], 1) as [Value, Value]
  const [rz, rn] = splitInto(m, d.r, [2 * hidden, hidden], 0) as [Value, Value]
  const [z, r] = splitInto(m, act(d, 0, recur(d, h, rz, xz)), [hidden, hidden], 1) as [Value, Value]
  const n = act(
    d,
    1,
    linearBeforeReset(d.node) ? afterProduct(d, xn, rn, r, h) : beforeProduct(d, xn, rn, r, h),
  )
  return [h ? m.add(n, m.mul(z, m.sub(h, n))) : m.mul(n, m.sub(1, z))]
}

type Reset = (d: Direction, x: Value, weight: Value, reset: Value, h: Value | undefined) => Value

const beforeProduct: Reset = (d, x, weight, reset, h) => recur(d, h && d.m.mul(reset, h), weight, x)

const afterProduct: Reset = (d, x, weight, reset, h) => {
  const inner = h ? recur(d, h, weight, d.rb) : d.rb
  return inner ? d.m.add(x, d.m.mul(reset, inner)) : x
}

function linearBeforeReset(node: Place['node']): boolean {
  return intAttribute(node, 'linear_before_reset', 0) !== 0
}

const KINDS: Record<string, Kind> = {
  RNN: { gates: 1, states: 1, activations: ['Tanh'], cell: rnnCell },
  LSTM: { gates: 4, states: 2, activations: ['Sigmoid', 'Tanh', 'Tanh'], cell: lstmCell },
  GRU: { gates: 3, states: 1, activations: ['Sigmoid', 'Tanh'], cell: gruCell },
}

/** Declines a clip, a batch-first layout, coupled gates, activations with parameters, and a length that is symbolic. */
export const recurrent: Expansion = p => {
  const kind = KINDS[p.node.opType] as Kind
  const length = checked(p)
  const { m } = p
  const mode = stringAttribute(p.node, 'direction', 'forward')
  const directions = mode === 'bidirectional' ? 2 : 1
  const masks = p.has(4) ? masksOf(p, length) : undefined
  const results = Array.from({ length: directions }, (_, index) => {
    const reverse = mode === 'reverse' || index === 1
    return unroll(p, kind, index, length, reverse, masks)
  })
  const batch = p.input(0).shape[1] ?? ''
  const hidden = intAttribute(p.node, 'hidden_size', 0)
  const stack = (parts: Value[], axis: number) =>
    m.concat(
      parts.map(v => {
        const shape = [...v.shape.slice(0, axis), 1, ...v.shape.slice(axis)]
        return m.emit('Unsqueeze', [v, m.ints([axis])], shape)
      }),
      axis,
      axis === 0 ? [parts.length, batch, hidden] : [length, directions, batch, hidden],
    )
  const y = () =>
    stack(
      results.map(r => r.y()),
      1,
    )
  const last = (i: number) =>
    stack(
      results.map(r => r.last[i] as Value),
      0,
    )
  return [
    p.wants(0) ? y() : undefined,
    p.wants(1) ? last(0) : undefined,
    p.wants(2) && kind.states > 1 ? last(1) : undefined,
  ]
}

/** The sequence length. */
function checked(p: Place): number {
  const { node } = p
  if (attribute(node, 'clip')) throw new Declined('It clips its cells, which has no gradient here.')
  if (intAttribute(node, 'layout', 0)) throw new Declined('ONNX Runtime has no kernel for layout = 1.')
  if (intAttribute(node, 'input_forget', 0)) throw new Declined('Its input and forget gates are coupled.')
  const [length] = p.input(0).shape
  if (typeof length !== 'number')
    throw new Declined(
      `It is unrolled over its sequence, whose length ${length && `“${length}” `}is not fixed: give the model's inputs fixed lengths.`,
    )
  return length
}

function activationsOf(p: Place, kind: Kind, index: number): string[] {
  const given = attribute(p.node, 'activations')?.strings.map(s => new TextDecoder().decode(s))
  if (!given || given.length === 0) return [...kind.activations]
  const names = given.slice(index * kind.activations.length).map(name => {
    const known = [...ACTIVATIONS].find(a => a.toLowerCase() === name.toLowerCase())
    if (!known) throw new Declined(`Its activation ${name} has no gradient here.`)
    return known
  })
  return names.slice(0, kind.activations.length)
}

/** Per step, [B, 1]: whether the sequence is still going on. Undefined when all of them are as long as X. */
function masksOf(p: Place, length: number): Value[] | undefined {
  if (p.constant(4)?.every(n => n >= length)) return undefined
  const { m } = p
  const lengths = m.emit('Unsqueeze', [p.input(4), m.ints([1])], [...p.input(4).shape, 1])
  return Array.from({ length }, (_, t) => m.greater(lengths, t))
}

function unroll(
  p: Place,
  kind: Kind,
  index: number,
  length: number,
  reverse: boolean,
  masks: Value[] | undefined,
): { y: () => Value; last: Value[] } {
  const { m } = p
  const d = directionOf(p, kind, index, length)
  const batch = p.input(0).shape[1] ?? ''
  let state: (Value | undefined)[] = Array.from({ length: kind.states }, (_, i) =>
    initial(p, 5 + i, index, d.hidden),
  )
  const outputs: Value[] = Array(length)
  const order = [...Array(length).keys()]
  for (const t of reverse ? order.reverse() : order) {
    const next = kind.cell(d, d.steps[t] as Value, state)
    const mask = masks?.[t]
    state = mask ? next.map((v, i) => m.where(mask, v, state[i] ?? 0)) : next
    outputs[t] = mask ? m.where(mask, next[0] as Value, 0) : (next[0] as Value)
  }
  const y = () =>
    m.concat(
      outputs.map(v => m.emit('Unsqueeze', [v, m.ints([0])], [1, batch, d.hidden])),
      0,
      [length, batch, d.hidden],
    )
  return { y, last: state as Value[] }
}

/** The initial state [B, H]; undefined when it is zero. */
function initial(p: Place, input: number, index: number, hidden: number): Value | undefined {
  if (!p.has(input) || p.isZero(input)) return undefined
  // Its batch is that of X, even where its own shape does not say so.
  return { ...part(p.m, p.input(input), index), shape: [p.input(0).shape[1] ?? '', hidden] }
}

/** One direction's part of a tensor [D, …]. */
function part(m: Builder, x: Value, index: number, single = x.shape[0] === 1): Value {
  const shape = x.shape.slice(1)
  if (single) return m.emit('Squeeze', [x, m.ints([0])], shape)
  return m.emit('Gather', [x, m.scalar(index, 'int64')], shape, { attributes: { axis: 0n } })
}

function directionOf(p: Place, kind: Kind, index: number, length: number): Direction {
  const { m } = p
  const x = p.input(0)
  const hidden = intAttribute(p.node, 'hidden_size', 0)
  const width = kind.gates * hidden
  const w = part(m, p.input(1), index)
  const r = part(m, p.input(2), index)
  let products = m.matmul(x, m.transposed(w))
  let rb: Value | undefined
  if (p.has(3)) {
    const [bw, br] = splitInto(m, part(m, p.input(3), index), [width, width], 0) as [Value, Value]
    let added = m.add(bw, br)
    if (p.node.opType === 'GRU' && linearBeforeReset(p.node)) {
      // The recurrence bias of the new state is added before the reset gate multiplies.
      const [gates, fresh] = splitInto(m, br, [2 * hidden, hidden], 0) as [Value, Value]
      rb = fresh
      added = m.add(bw, m.pad(gates, [0], [hidden]))
    }
    products = m.add(products, added)
  }
  const steps = splitInto(m, products, Array(length).fill(1), 0).map(step =>
    m.emit('Squeeze', [step, m.ints([0])], step.shape.slice(1)),
  )
  return {
    m,
    node: p.node,
    steps,
    r,
    rb,
    hidden,
    activations: activationsOf(p, kind, index),
    peepholes: p.node.opType === 'LSTM' && p.has(7) ? part(m, p.input(7), index) : undefined,
  }
}
