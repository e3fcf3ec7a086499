/** Each rule in a network of two dense layers around its operator: half of the hidden channels go, and nothing changes. */
import { describe, expect, it } from 'vitest'
import { type AttributeValue, makeModel, makeNode, makeValue } from '../../onnx/build'
import { makeTensor } from '../../onnx/tensor'
import { findStructure } from '../groups'
import { sliceGroups } from '../slice'
import { difference, idle, runModel } from '../testing'

type Step = [
  op: string,
  inputs: string[],
  outputs: string[],
  attributes?: Record<string, AttributeValue>,
  domain?: string,
]

interface Case {
  /** [n, 3, …] */
  shape?: number[]
  steps: Step[]
  weights?: Record<string, number[]>
  ints?: Record<string, number[]>
  /** Of 32 bits. */
  lengths?: Record<string, number[]>
  opset?: number
  /** Sizes of the groups that may be reduced, in order. */
  free: number[]
  /** True when the operator counts its channels, so that the result changes. */
  counts?: boolean
}

const MS = 'com.microsoft'
const SHARED = { num_heads: 6n, kv_num_heads: 2n }
const dense = (to: number): Step => ['MatMul', ['x', `in${to}`], ['h']]
const ins = { in8: [3, 8], in12: [3, 12], in24: [3, 24] }

const CASES: Record<string, Case> = {
  'Gemm transposed': {
    shape: [3],
    steps: [
      ['Gemm', ['x', 'a', 'b'], ['h'], { transB: 1n }],
      ['Gemm', ['h', 'c'], ['y'], { transB: 1n }],
    ],
    weights: { a: [8, 3], b: [8], c: [2, 8] },
    free: [8],
  },
  Einsum: {
    steps: [dense(8), ['Einsum', ['h', 'w'], ['y'], { equation: 'blc,cd->bld' }]],
    weights: { w: [8, 2] },
    free: [8],
  },
  Split: {
    steps: [
      dense(12),
      ['Split', ['h', 'parts'], ['a', 'b'], { axis: 2n }],
      ['MatMul', ['a', 'u'], ['c']],
      ['MatMul', ['b', 'v'], ['d']],
      ['Add', ['c', 'd'], ['y']],
    ],
    weights: { u: [4, 2], v: [8, 2] },
    ints: { parts: [4, 8] },
    free: [4, 8],
  },
  Slice: {
    steps: [dense(12), ['Slice', ['h', 'from', 'to', 'axis'], ['a']], ['MatMul', ['a', 'u'], ['y']]],
    weights: { u: [4, 2] },
    ints: { from: [-8], to: [-4], axis: [-1] },
    free: [4, 4, 4],
  },
  Pad: {
    steps: [dense(8), ['Pad', ['h', 'pads'], ['a']], ['MatMul', ['a', 'u'], ['y']]],
    weights: { u: [11, 2] },
    ints: { pads: [0, 0, 1, 0, 0, 2] },
    free: [8],
  },
  Tile: {
    steps: [dense(8), ['Tile', ['h', 'times'], ['a']], ['MatMul', ['a', 'u'], ['y']]],
    weights: { u: [16, 2] },
    ints: { times: [1, 1, 2] },
    free: [8],
  },
  'Expand of a vector': {
    steps: [
      dense(8),
      ['Expand', ['v', 'eight'], ['e']],
      ['Mul', ['h', 'e'], ['a']],
      ['MatMul', ['a', 'u'], ['y']],
    ],
    weights: { v: [1], u: [8, 2] },
    ints: { eight: [8] },
    free: [8],
  },
  ReduceSum: {
    steps: [dense(8), ['Relu', ['h'], ['a']], ['ReduceSum', ['a', 'axis'], ['y'], { keepdims: 1n }]],
    ints: { axis: [-1] },
    free: [8],
  },
  ReduceMean: {
    steps: [dense(8), ['ReduceMean', ['h'], ['y'], { axes: [2n] }]],
    free: [8],
    counts: true,
  },
  LayerNormalization: {
    steps: [dense(8), ['LayerNormalization', ['h', 'g', 'b'], ['a']], ['MatMul', ['a', 'u'], ['y']]],
    weights: { g: [8], b: [8], u: [8, 2] },
    free: [8],
    counts: true,
  },
  GroupNormalization: {
    shape: [3, 4],
    opset: 21,
    steps: [
      ['Conv', ['x', 'w'], ['h']],
      ['GroupNormalization', ['h', 'g', 'b'], ['a'], { num_groups: 4n }],
      ['Conv', ['a', 'u'], ['y']],
    ],
    weights: { w: [8, 3, 1], g: [8], b: [8], u: [2, 8, 1] },
    free: [4, 2],
    counts: true,
  },
  'ConvTranspose in groups': {
    shape: [3, 4],
    steps: [
      ['Conv', ['x', 'w'], ['h']],
      ['ConvTranspose', ['h', 't', 'b'], ['a'], { group: 2n, strides: [2n] }],
      ['Conv', ['a', 'u'], ['y']],
    ],
    weights: { w: [8, 3, 1], t: [8, 3, 2], b: [6], u: [2, 6, 1] },
    free: [2, 4, 3],
  },
  DepthToSpace: {
    shape: [3, 4, 4],
    steps: [
      ['Conv', ['x', 'w'], ['h']],
      ['DepthToSpace', ['h'], ['a'], { blocksize: 2n }],
      ['Conv', ['a', 'u'], ['y']],
    ],
    weights: { w: [16, 3, 1, 1], u: [2, 4, 1, 1] },
    free: [4],
  },
  'Resize to written sizes': {
    shape: [3, 4, 4],
    steps: [
      ['Conv', ['x', 'w'], ['h']],
      ['Resize', ['h', '', '', 'sizes'], ['a'], { mode: 'nearest' }],
      ['Conv', ['a', 'u'], ['y']],
    ],
    weights: { w: [8, 3, 1, 1], u: [2, 8, 1, 1] },
    ints: { sizes: [2, 8, 8, 8] },
    free: [8],
  },
  LSTM: {
    steps: [
      ['LSTM', ['x', 'w', 'r', 'b'], ['h'], { hidden_size: 4n }],
      ['MatMul', ['h', 'u'], ['y']],
    ],
    weights: { w: [1, 16, 3], r: [1, 16, 4], b: [1, 32], u: [4, 2] },
    free: [4],
  },
  'GRU with the batch first': {
    steps: [
      ['Transpose', ['x'], ['t'], { perm: [1n, 0n, 2n] }],
      ['GRU', ['t', 'w', 'r', 'b'], ['', 'h'], { hidden_size: 4n }],
      ['MatMul', ['h', 'u'], ['y']],
    ],
    weights: { w: [1, 12, 3], r: [1, 12, 4], b: [1, 24], u: [4, 2] },
    free: [4],
  },
  'com.microsoft MultiHeadAttention': {
    steps: [
      ...['q', 'k', 'v'].map((name): Step => ['MatMul', ['x', `w${name}`], [name]]),
      ['MultiHeadAttention', ['q', 'k', 'v'], ['a'], { num_heads: 2n }, MS],
      ['MatMul', ['a', 'u'], ['y']],
    ],
    weights: { wq: [3, 8], wk: [3, 8], wv: [3, 8], u: [8, 2] },
    free: [2, 4, 4],
  },
  'com.microsoft Attention': {
    steps: [
      ['Attention', ['x', 'w', 'b'], ['a'], { num_heads: 2n }, MS],
      ['MatMul', ['a', 'u'], ['y']],
    ],
    weights: { w: [3, 24], b: [24], u: [8, 2] },
    free: [2, 4],
  },
  'com.microsoft FusedMatMul': {
    steps: [dense(8), ['FusedMatMul', ['h', 'u'], ['y'], { transB: 1n }, MS]],
    weights: { u: [2, 8] },
    free: [8],
  },
  'Attention with shared keys': {
    opset: 23,
    steps: [
      ...['q', 'k', 'v'].map((name): Step => ['MatMul', ['x', `w${name}`], [name]]),
      ['Attention', ['q', 'k', 'v'], ['a'], { q_num_heads: 4n, kv_num_heads: 2n }],
      ['MatMul', ['a', 'u'], ['y']],
    ],
    weights: { wq: [3, 16], wk: [3, 8], wv: [3, 8], u: [16, 2] },
    free: [2, 2, 4, 4],
  },
  'Attention by heads with a bias for each': {
    opset: 23,
    steps: [
      ...['q', 'k', 'v'].flatMap((name): Step[] => [
        ['MatMul', ['x', `w${name}`], [`flat${name}`]],
        ['Reshape', [`flat${name}`, 'split'], [`split${name}`]],
        ['Transpose', [`split${name}`], [name], { perm: [0n, 2n, 1n, 3n] }],
      ]),
      ['Attention', ['q', 'k', 'v', 'bias'], ['a']],
      ['Transpose', ['a'], ['t'], { perm: [0n, 2n, 1n, 3n] }],
      ['Reshape', ['t', 'join'], ['j']],
      ['MatMul', ['j', 'u'], ['y']],
    ],
    weights: { wq: [3, 12], wk: [3, 12], wv: [3, 12], bias: [1, 3, 4, 4], u: [12, 2] },
    ints: { split: [0, 0, 3, 4], join: [0, 0, 12] },
    free: [3, 4, 4],
  },
  'com.microsoft GroupQueryAttention': {
    steps: [
      ...['q', 'k', 'v'].map((name): Step => ['MatMul', ['x', `w${name}`], [name]]),
      ['GroupQueryAttention', ['q', 'k', 'v', '', '', 'ends', 'total'], ['a'], SHARED, MS],
      ['MatMul', ['a', 'u'], ['y']],
    ],
    weights: { wq: [3, 48], wk: [3, 16], wv: [3, 16], u: [48, 2] },
    lengths: { ends: [3, 3], total: [4] },
    free: [2, 3],
  },
  'com.microsoft GroupQueryAttention packed, turned': {
    steps: [
      ['MatMul', ['x', 'w'], ['qkv']],
      [
        'GroupQueryAttention',
        ['qkv', '', '', '', '', 'ends', 'total', 'cos', 'sin'],
        ['a'],
        { ...SHARED, do_rotary: 1n },
        MS,
      ],
      ['MatMul', ['a', 'u'], ['y']],
    ],
    weights: { w: [3, 160], cos: [4, 8], sin: [4, 8], u: [96, 2] },
    lengths: { ends: [3, 3], total: [4] },
    free: [2, 3],
  },
  'com.microsoft MultiHeadAttention with a bias by head': {
    steps: [
      ...['q', 'k', 'v'].map((name): Step => ['MatMul', ['x', `w${name}`], [name]]),
      ['MultiHeadAttention', ['q', 'k', 'v', 'b', '', 'bias'], ['a'], { num_heads: 2n }, MS],
      ['MatMul', ['a', 'u'], ['y']],
    ],
    weights: { wq: [3, 8], wk: [3, 8], wv: [3, 8], b: [24], bias: [1, 2, 4, 4], u: [8, 2] },
    free: [2, 4, 4],
  },
  'com.microsoft Attention with a mask and widths of its own': {
    steps: [
      ['Attention', ['x', 'w', 'b', 'mask'], ['a'], { num_heads: 2n, qkv_hidden_sizes: [8n, 8n, 6n] }, MS],
      ['MatMul', ['a', 'u'], ['y']],
    ],
    weights: { w: [3, 22], b: [22], u: [6, 2] },
    lengths: { mask: [4, 3] },
    free: [2, 4, 3],
  },
  'com.microsoft RotaryEmbedding': {
    steps: [
      dense(24),
      ['RotaryEmbedding', ['h', 'at', 'cos', 'sin'], ['a'], {}, MS],
      ['MatMul', ['a', 'u'], ['y']],
    ],
    weights: { cos: [4, 4], sin: [4, 4], u: [24, 2] },
    ints: { at: [0] },
    free: [3],
  },
  'RotaryEmbedding with heads': {
    opset: 23,
    steps: [
      dense(12),
      ['RotaryEmbedding', ['h', 'cos', 'sin'], ['a'], { num_heads: 3n }],
      ['MatMul', ['a', 'u'], ['y']],
    ],
    weights: { cos: [2, 4, 2], sin: [2, 4, 2], u: [12, 2] },
    free: [3],
  },
  'com.microsoft EmbedLayerNormalization': {
    steps: [
      ['ArgMax', ['x'], ['wide'], { axis: 2n, keepdims: 0n }],
      ['Cast', ['wide'], ['ids'], { to: 6n }],
      ['EmbedLayerNormalization', ['ids', '', 'tok', 'pos', '', 'g', 'b'], ['a', ''], {}, MS],
      ['MatMul', ['a', 'u'], ['y']],
    ],
    weights: { tok: [3, 8], pos: [4, 8], g: [8], b: [8], u: [8, 2] },
    free: [8],
    counts: true,
  },
  'Softmax over channels': {
    steps: [dense(8), ['Softmax', ['h'], ['a'], { axis: -1n }], ['MatMul', ['a', 'u'], ['y']]],
    weights: { u: [8, 2] },
    free: [8],
    counts: true,
  },
}

function build({ shape = [4, 3], steps, weights = {}, ints = {}, lengths = {}, opset = 17 }: Case) {
  const used = new Set(steps.flatMap(([, inputs]) => inputs))
  const floats = Object.entries({ ...ins, ...weights }).filter(([name]) => used.has(name))
  const tensor = (name: string, dims: readonly number[], seed: number) => {
    const count = dims.reduce((all, d) => all * d, 1)
    return makeTensor(
      name,
      'float32',
      dims,
      Float32Array.from({ length: count }, (_, i) => Math.sin(seed + i * 1.7)),
    )
  }
  return makeModel({
    nodes: steps.map(([op, inputs, outputs, attributes, domain = '']) =>
      makeNode(op, inputs, outputs, attributes ?? {}, { domain, name: outputs.join() }),
    ),
    inputs: [makeValue('x', 'float32', [2, ...shape])],
    outputs: [makeValue('y', 'float32', null)],
    initializers: [
      ...floats.map(([name, dims], i) => tensor(name, dims, i)),
      ...Object.entries(ints).map(([name, values]) => makeTensor(name, 'int64', [values.length], values)),
      ...Object.entries(lengths).map(([name, values]) => makeTensor(name, 'int32', [values.length], values)),
    ],
    opset,
    domains: { [MS]: 1 },
  })
}

describe('channel rules', () => {
  it.each(Object.entries(CASES))('%s', async (_, given) => {
    const structure = await findStructure(build(given))
    const free = structure.groups.filter(group => group.declined.length === 0)
    expect(free.map(group => group.size)).toEqual(given.free)
    const half = (size: number) => Uint32Array.from({ length: Math.ceil(size / 2) }, (_, i) => 2 * i)
    // One group at a time, then all together.
    const all = new Map(free.map(group => [group.id, half(group.size)]))
    for (const keep of [...[...all].map(entry => new Map([entry])), all]) {
      const zeroed = idle(structure, keep)
      const before = await runModel(zeroed.model, structure.sized.inputs)
      const after = await runModel(sliceGroups(zeroed, keep), structure.sized.inputs)
      const change = difference(before, after)
      if (given.counts) expect(change).toBeLessThan(Number.POSITIVE_INFINITY)
      else expect(change).toBeLessThan(1e-5)
    }
    expect(free.some(group => group.counted.length > 0)).toBe(given.counts ?? false)
  })

  it.each([
    [0, { num_heads: 3, kv_num_heads: 1 }],
    [1, { num_heads: 4, kv_num_heads: 2 }],
  ])('keep the ratio of query heads to key heads: factor %i', async (factor, heads) => {
    const structure = await findStructure(build(CASES['com.microsoft GroupQueryAttention'] as Case))
    const group = structure.groups.filter(g => g.declined.length === 0)[factor]
    const keep = Uint32Array.from({ length: (group?.size ?? 0) - 1 }, (_, i) => i)
    const cut = sliceGroups(structure, new Map([[group?.id ?? '', keep]]))
    const node = cut.graph.nodes.find(n => n.opType === 'GroupQueryAttention')
    const value = (name: string) => Number(node?.attribute.find(a => a.name === name)?.i)
    expect({ num_heads: value('num_heads'), kv_num_heads: value('kv_num_heads') }).toEqual(heads)
  })
})
