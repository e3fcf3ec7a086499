import { describe, expect, it } from 'vitest'
import { FeatureLoss } from '../../../shared/training'
import { cnnGraph, transformerGraph } from '../fixtures/graphs'
import { suggestedPairs } from '../fixtures/training'
import {
  cannotCompare,
  changedPair,
  commonLosses,
  fromSuggestion,
  openSuggestions,
  pairProblem,
  shortValue,
  valuesOf,
  withoutPair,
  withPair,
} from './pairs'

const pairs = suggestedPairs.slice(0, 2).map(fromSuggestion)

describe('the list of pairs', () => {
  it('takes suggestions once, and offers what is left', () => {
    const [first] = suggestedPairs
    if (!first) throw new Error('No suggestion in the fixture')
    expect(withPair(pairs, fromSuggestion(first))).toEqual(pairs)
    expect(openSuggestions(suggestedPairs, pairs)).toEqual(suggestedPairs.slice(2))
    expect(FeatureLoss.array().parse(pairs)).toEqual(pairs)
  })

  it('changes and removes by place, so that the same ends may be compared twice', () => {
    const twice = withPair(pairs, { ...(pairs[0] ?? never()), kind: 'hint' })
    expect(twice).toHaveLength(3)
    expect(changedPair(twice, 2, { weight: 5 }).map(p => p.weight)).toEqual([1, 1, 5])
    expect(withoutPair(twice, 0)).toEqual(twice.slice(1))
  })

  it('holds at most as many as the engine takes', () => {
    const many = Array.from({ length: 80 }, (_, i) => ({
      kind: 'hint' as const,
      teacher: `t${i}`,
      student: 's',
      weight: 1,
    })).reduce<FeatureLoss[]>(withPair, [])
    expect(many).toHaveLength(64)
  })
})

describe('what can be compared', () => {
  const teacher = valuesOf(cnnGraph(1))
  const student = valuesOf(cnnGraph(0.5))

  it('names a value that is gone, and a loss that does not fit', () => {
    const [pair] = pairs
    expect(pair && pairProblem(pair, teacher, student)).toBeNull()
    expect(pair && pairProblem({ ...pair, student: 'gone' }, teacher, student)).toBe(
      'The student has no such value.',
    )
    expect(
      pair && pairProblem({ ...pair, teacher: '/classifier/fc1/Gemm_output_0' }, teacher, student),
    ).toMatch(/^In the teacher: an attention map needs channels over a picture\. This one has 2 axes/)
  })

  it('is what both ends allow', () => {
    const nodes = transformerGraph(1, 96).nodes
    const [softmax, matmul] = ['Softmax', 'MatMul'].map(op => nodes.find(n => n.op === op))
    if (!softmax || !matmul) throw new Error('No such node')
    expect(cannotCompare(softmax, 'attention-matrix')).toBeNull()
    expect(commonLosses(softmax, matmul)).toEqual([])
    expect(commonLosses(matmul, matmul)).toEqual(['hint', 'similarity', 'relational'])
  })

  it('has short names', () => {
    expect(shortValue('/features/conv1/Relu_output_0')).toBe('conv1/Relu')
    expect(shortValue('logits')).toBe('logits')
  })
})

function never(): never {
  throw new Error('unreachable')
}
