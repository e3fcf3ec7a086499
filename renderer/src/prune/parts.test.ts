import { describe, expect, it } from 'vitest'
import type { PruneChange, SensitivityPoint } from '../../../shared/prune'
import { cnnGraph } from '../fixtures/graphs'
import { previewPruning, sensitivityOf } from '../fixtures/prune'
import { study } from '../fixtures/study'
import { dropColor, dropText, isShown, level } from '../ui/losses'
import { dropAt, dropScale } from './drops'
import { describedNode, fatesOf, goneOf } from './graph-parts'
import { keepOf, partLabel, partsOf } from './parts'

const graph = cnnGraph(1)
const [teacher] = study.variants
if (!teacher) throw new Error('The study has no teacher')
const preview = previewPruning(teacher, { technique: 'prune.channels', options: { amount: 0.5 } }, graph)
const sensitivity = sensitivityOf(graph, 'l2', [0.5, 0.75, 0.25])

describe('parts', () => {
  it('join plan, sensitivity and shares by hand', () => {
    const widths = [{ group: 'group 2', keep: 0.5 }]
    const parts = partsOf({ technique: 'prune.channels', preview, sensitivity, widths })
    expect(parts.map(p => p.label)).toEqual([
      'features/conv1',
      'features/conv2',
      'features/conv3',
      'classifier/fc1',
    ])
    expect(parts[1]).toMatchObject({ from: 64, chosen: 0.5 })
    expect(parts[1]?.points.map(p => p.keep)).toEqual([0.75, 0.5, 0.25])
    expect(parts.map(keepOf)).toEqual([20 / 32, 0.5, 48 / 64, 88 / 128])
  })

  it('are those of the technique until there is a plan', () => {
    const wait = { preview: undefined, sensitivity, widths: [] }
    expect(partsOf({ technique: 'prune.channels', ...wait })).toHaveLength(4)
    expect(partsOf({ technique: 'prune.ffn', ...wait })).toHaveLength(0)
    expect(keepOf({ chosen: null, to: null, from: 8 })).toBe(1)
  })

  it('that would have the same label have a longer one', () => {
    const change = (id: string, node: string): PruneChange => ({
      id,
      kind: 'ffn',
      nodes: [node],
      from: 8,
      to: 4,
      frees: { parameters: 1, macs: 1 },
      milliseconds: null,
    })
    const changes = [change('a', 'MatMul /b.0/ffn/MatMul'), change('b', 'MatMul /b.0/ffn/MatMul_1')]
    const parts = partsOf({ technique: 'prune.ffn', preview: { changes }, sensitivity: null, widths: [] })
    expect(parts.map(p => p.label)).toEqual(['b/0/ffn/MatMul', 'b/0/ffn/MatMul_1'])
  })

  it('have short labels with how many layers share a width', () => {
    expect(partLabel(['Conv /layer1/0/conv1/Conv', 'Conv /x', 'Conv /y'], 'a')).toBe('layer1/0/conv1 +2')
    expect(partLabel(['Relu → value_7'], 'a')).toBe('value_7')
    expect(partLabel([], 'w0[1]')).toBe('w0[1]')
    const long = partLabel(['MatMul /model/encoder/layers.11/self_attention/query_projection/MatMul'], 'a')
    expect(long.length).toBeLessThanOrEqual(26)
    expect(long).toContain('query_projection')
  })
})

describe('drops', () => {
  const point = (keep: number, value: number): SensitivityPoint => ({
    keep,
    to: 0,
    value: 1 - value,
    drop: { value, low: value - 0.01, high: value + 0.01 },
  })
  const points = [point(0.5, 0.1), point(0.75, 0.02)]

  it('lie on straight lines between what was measured', () => {
    expect(dropAt(points, 0.75)).toMatchObject({ value: 0.02, estimated: false, beyond: false })
    expect(dropAt(points, 0.625)?.value).toBeCloseTo(0.06, 12)
    expect(dropAt(points, 0.875)).toMatchObject({ value: 0.01, estimated: true })
    expect(dropAt(points, 1)).toMatchObject({ value: 0, estimated: false })
    expect(dropAt(points, 0.3)).toMatchObject({ value: 0.1, beyond: true })
    expect(dropAt([], 0.5)).toBeNull()
  })

  it('are claimed only where the interval is above zero', () => {
    expect(isShown({ low: 0.001 })).toBe(true)
    expect(isShown({ low: -0.001 })).toBe(false)
    expect(dropColor({ value: 0.01, low: -0.01 }, 1)).toBe('var(--bt-uncertain)')
    expect(dropColor({ value: 1, low: 0.9 }, 1)).toContain('var(--bt-worse) 100%')
  })

  it('are drawn against the largest, but a network that loses nothing looks so', () => {
    expect(dropScale(sensitivity)).toBeGreaterThanOrEqual(0.05)
    expect(dropScale({ ...sensitivity, curves: [] })).toBe(0.05)
    expect(level(0.25, 1)).toBe(0.5)
    expect(level(-1, 1)).toBe(0)
    expect(level(2, 1)).toBe(1)
  })

  it('are said in the unit of their metric', () => {
    expect(dropText(0.0132, 'accuracy')).toBe('1.3 pt')
    expect(dropText(0.42, 'agreement')).toBe('42 pt')
    expect(dropText(-0.004, 'accuracy')).toBe('−0.4 pt')
    expect(dropText(0.031, 'distance')).toBe('3.1 %')
    expect(dropText(0.0314, 'rmse')).toBe('0.031')
  })
})

describe('the plan on the graph', () => {
  it('finds nodes as the engine describes them', () => {
    expect(describedNode({ op: 'com.microsoft.FusedConv', name: '', id: 'y' })).toBe('FusedConv → y')
    const fates = fatesOf(graph.nodes, preview)
    const of = (name: string) => fates.get(name)
    expect(goneOf(of('/features/conv2/Conv'))).toBeCloseTo(1 - 44 / 64, 12)
    expect(of('/classifier/fc2/Gemm')?.reason).toBe('Its channels are the answers of the model.')
    expect(goneOf(of('/classifier/fc2/Gemm'))).toBeNull()
    expect(of('/features/relu1/Relu')).toBeUndefined()
  })
})
