/** The list of feature losses: pairs of values in teacher and student. */
import type { FeatureLoss, GraphNode, GraphView, SuggestedPair } from '../../../shared/training'
import { FEATURE_LOSSES } from '../../../shared/training'
import { categories } from '../ui/theme'

export type FeatureKind = FeatureLoss['kind']

export const FEATURE_TITLES: Record<FeatureKind, { title: string; about: string }> = {
  hint: {
    title: 'Hint',
    about: 'The values themselves, through a learnt projector where widths differ (FitNets, Romero 2015).',
  },
  attention: {
    title: 'Attention map',
    about: 'Where in the picture activations are strong (Zagoruyko 2017).',
  },
  'attention-matrix': {
    title: 'Attention matrix',
    about: 'Which token looks at which (TinyBERT, Jiao 2020).',
  },
  'value-relation': {
    title: 'Value relation',
    about: 'How the value vectors of tokens relate to each other (MiniLM, Wang 2020).',
  },
  similarity: {
    title: 'Similarity',
    about: 'Which samples of a batch are alike (Tung 2019).',
  },
  relational: {
    title: 'Relational',
    about: 'Distances and angles between the samples of a batch (RKD, Park 2019).',
  },
}

export const MOST_PAIRS = 64

/** Hue of the i-th pair, the same in the list and on both graphs. */
export function pairColor(i: number): string {
  return categories[i % categories.length] ?? categories[0]
}

function same(a: FeatureLoss, b: FeatureLoss): boolean {
  return a.kind === b.kind && a.teacher === b.teacher && a.student === b.student
}

/** Adds a pair unless it is there already. */
export function withPair(pairs: readonly FeatureLoss[], pair: FeatureLoss): FeatureLoss[] {
  if (pairs.length >= MOST_PAIRS || pairs.some(p => same(p, pair))) return [...pairs]
  return [...pairs, pair]
}

export function withoutPair(pairs: readonly FeatureLoss[], at: number): FeatureLoss[] {
  return pairs.filter((_, i) => i !== at)
}

export function changedPair(
  pairs: readonly FeatureLoss[],
  at: number,
  change: Partial<FeatureLoss>,
): FeatureLoss[] {
  return pairs.map((p, i) => (i === at ? { ...p, ...change } : p))
}

/** A suggestion as a loss; a pair weighs 1 until a person says otherwise. */
export function fromSuggestion({ kind, teacher, student }: SuggestedPair): FeatureLoss {
  return { kind, teacher, student, weight: 1 }
}

/** Suggestions not yet taken, best first. */
export function openSuggestions(
  suggestions: readonly SuggestedPair[],
  pairs: readonly FeatureLoss[],
): SuggestedPair[] {
  return suggestions.filter(s => !pairs.some(p => same(p, fromSuggestion(s))))
}

/** Values by name, with the node that makes them. */
export function valuesOf(graph: GraphView): Map<string, GraphNode> {
  const found = new Map<string, GraphNode>()
  for (const node of graph.nodes) for (const output of node.outputs) found.set(output.name, node)
  return found
}

/** What is wrong with a pair on these two graphs; null where nothing is. */
export function pairProblem(
  pair: Pick<FeatureLoss, 'kind' | 'teacher' | 'student'>,
  teacher: ReadonlyMap<string, GraphNode>,
  student: ReadonlyMap<string, GraphNode>,
): string | null {
  const ends = [
    ['teacher', teacher.get(pair.teacher)],
    ['student', student.get(pair.student)],
  ] as const
  for (const [side, node] of ends) {
    if (!node) return `The ${side} has no such value.`
    const reason = cannotCompare(node, pair.kind)
    if (reason) return `In the ${side}: ${reason}`
  }
  return null
}

/** Why a loss cannot compare a node's value; null where it can. */
export function cannotCompare(node: Pick<GraphNode, 'losses' | 'outputs'>, kind: FeatureKind): string | null {
  if (node.losses.includes(kind)) return null
  const rank = node.outputs[0]?.shape.length ?? 0
  if (node.losses.length === 0) return 'this value carries no features.'
  const others = node.losses.map(l => FEATURE_TITLES[l].title.toLowerCase()).join(', ')
  const needs = NEEDS[kind]
  return `${needs} This one has ${rank} ${rank === 1 ? 'axis' : 'axes'}; it can be compared by ${others}.`
}

const NEEDS: Record<FeatureKind, string> = {
  hint: 'a hint needs features per sample.',
  attention: 'an attention map needs channels over a picture.',
  'attention-matrix': 'an attention matrix is tokens by tokens, after a softmax.',
  'value-relation': 'a value relation needs vectors of tokens, by heads.',
  similarity: 'similarity needs features per sample.',
  relational: 'a relation needs features per sample.',
}

/** Losses that can compare both values, in the order of the list. */
export function commonLosses(a: Pick<GraphNode, 'losses'>, b: Pick<GraphNode, 'losses'>): FeatureKind[] {
  return FEATURE_LOSSES.filter(kind => a.losses.includes(kind) && b.losses.includes(kind))
}

/** The end of a value's name: '/features/conv1/Relu_output_0' → 'conv1/Relu'. */
export function shortValue(name: string): string {
  const parts = name
    .replace(/_output_\d+$/, '')
    .split('/')
    .filter(Boolean)
  return parts.slice(-2).join('/') || name
}
