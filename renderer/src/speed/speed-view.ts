/** Two profiles side by side: per operator on one scale, per node, and where the time goes. */
import type { Note, Profile, ProfileNode } from '../../../shared/domain'

/** Operators that do the same work, whatever the number format: a float one and what ORT makes of it. */
const FAMILIES: Readonly<Record<string, string>> = {
  QLinearConv: 'Conv',
  ConvInteger: 'Conv',
  FusedConv: 'Conv',
  NhwcFusedConv: 'Conv',
  NhwcConv: 'Conv',
  QGemm: 'Gemm',
  FusedGemm: 'Gemm',
  QLinearMatMul: 'MatMul',
  MatMulInteger: 'MatMul',
  MatMulIntegerToFloat: 'MatMul',
  DynamicQuantizeMatMul: 'MatMul',
  MatMulNBits: 'MatMul',
  FusedMatMul: 'MatMul',
  QAttention: 'Attention',
  QLSTM: 'LSTM',
  DynamicQuantizeLSTM: 'LSTM',
  QLinearAdd: 'Add',
  QLinearMul: 'Mul',
  QLinearConcat: 'Concat',
  QLinearSigmoid: 'Sigmoid',
  QLinearLeakyRelu: 'LeakyRelu',
  QLinearSoftmax: 'Softmax',
  QLinearAveragePool: 'AveragePool',
  NhwcMaxPool: 'MaxPool',
  QLinearGlobalAveragePool: 'GlobalAveragePool',
  DynamicQuantizeLinear: 'QuantizeLinear',
}

/** The float operator whose work this one does; itself where there is none. */
export function familyOf(op: string): string {
  return FAMILIES[op] ?? op
}

export interface OperatorTime {
  /** What the two sides call the work: 'Conv → QLinearConv', or one name where they agree. */
  op: string
  /** Mean microseconds per run; 0 where the side has no such operator. */
  reference: number
  variant: number
  referenceCount: number
  variantCount: number
}

interface Family extends OperatorTime {
  names: { reference: Set<string>; variant: Set<string> }
}

/**
 * Time per kind of work of both, longest first, so that a convolution stands beside the int8 one that replaced it.
 * Beyond `limit` rows the shortest are gathered in one.
 */
export function operatorTimes(reference: Profile, variant: Profile, limit = 12): OperatorTime[] {
  const families = new Map<string, Family>()
  for (const [side, profile] of [['reference', reference] as const, ['variant', variant] as const]) {
    for (const { op, us, count } of profile.byOperator) {
      const name = familyOf(op)
      const family = families.get(name) ?? {
        op: name,
        reference: 0,
        variant: 0,
        referenceCount: 0,
        variantCount: 0,
        names: { reference: new Set<string>(), variant: new Set<string>() },
      }
      family[side] += us
      family[`${side}Count`] += count
      family.names[side].add(op)
      families.set(name, family)
    }
  }
  const sorted = [...families.values()]
    .map(({ names, ...row }) => ({ ...row, op: label(row.op, names) }))
    .sort((a, b) => longest(b) - longest(a) || a.op.localeCompare(b.op))
  if (sorted.length <= limit) return sorted
  const rest = sorted.slice(limit - 1)
  const sum = (pick: (r: OperatorTime) => number) => rest.reduce((s, r) => s + pick(r), 0)
  return [
    ...sorted.slice(0, limit - 1),
    {
      op: `${rest.length} other operators`,
      reference: sum(r => r.reference),
      variant: sum(r => r.variant),
      referenceCount: sum(r => r.referenceCount),
      variantCount: sum(r => r.variantCount),
    },
  ]
}

function longest(row: OperatorTime): number {
  return Math.max(row.reference, row.variant)
}

function label(family: string, names: Family['names']): string {
  const [from, to] = [[...names.reference].sort(), [...names.variant].sort()]
  if (from.length === 0) return to.join(', ')
  if (to.length === 0) return from.join(', ')
  const same = from.length === to.length && from.every((name, i) => name === to[i])
  if (same) return from.length === 1 ? (from[0] ?? family) : family
  const changed = to.filter(name => !names.reference.has(name))
  return changed.length === 0 ? family : `${family} → ${changed.join(', ')}`
}

export interface NodeTime extends ProfileNode {
  index: number
  /** Share of the kernels' time; 0 when nothing was timed. */
  share: number
}

/** Nodes as ORT ran them, longest first, with their share of the kernels' time. */
export function nodeTimes(profile: Profile): NodeTime[] {
  return profile.nodes
    .map((node, index) => ({ ...node, index, share: profile.kernelUs > 0 ? node.us / profile.kernelUs : 0 }))
    .sort((a, b) => b.us - a.us || a.index - b.index)
}

/** Nodes whose name, operator, provider or precision holds every word of the search. */
export function searchNodes(nodes: readonly NodeTime[], search: string): NodeTime[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean)
  return nodes.filter(n => {
    const text = `${n.name} ${n.op} ${n.provider} ${n.precision}`.toLowerCase()
    return words.every(word => text.includes(word))
  })
}

export const SHARE_KINDS = ['int8', 'quantizeDequantize', 'conversion', 'rest'] as const
export type ShareKind = (typeof SHARE_KINDS)[number]

/** Where the kernels' time goes, as shares that sum to one; `rest` is what the three named kinds leave. */
export function timeShares(profile: Profile): Record<ShareKind, number> {
  const { int8, quantizeDequantize, conversion } = profile.shares
  return {
    int8,
    quantizeDequantize,
    conversion,
    rest: Math.max(0, 1 - int8 - quantizeDequantize - conversion),
  }
}

const RANK: Record<Note['severity'], number> = { error: 0, warning: 1, info: 2 }

/** Notes by weight: errors, warnings, then facts; otherwise in the order they came. */
export function bySeverity(notes: readonly Note[]): Note[] {
  return [...notes].sort((a, b) => RANK[a.severity] - RANK[b.severity])
}
