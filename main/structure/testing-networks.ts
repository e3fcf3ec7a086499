/** Random networks for the tests of structure, and what cutting them does. Imported by tests only. */
import fc from 'fast-check'
import type { NodeProto, TensorProto } from 'onnx-buf'
import { expect } from 'vitest'
import { Random } from '../data/random'
import { type AttributeValue, makeModel, makeNode, makeValue } from '../onnx/build'
import type { Model } from '../onnx/model'
import { makeTensor } from '../onnx/tensor'
import { type ChannelGroup, findStructure } from './groups'
import { sliceGroups } from './slice'
import { difference, idle, runModel } from './testing'

const SIDE = 4

interface Value {
  name: string
  channels: number
}

/** Grows a network of [n, channels, 4, 4] values layer by layer. */
class Grower {
  readonly nodes: NodeProto[] = []
  readonly tensors: TensorProto[] = []
  private made = 0

  constructor(private readonly random: Random) {}

  node(
    op: string,
    inputs: string[],
    channels: number,
    attributes: Record<string, AttributeValue> = {},
  ): Value {
    const name = `v${this.made++}`
    this.nodes.push(makeNode(op, inputs, [name], attributes))
    return { name, channels }
  }

  weight(...dims: number[]): string {
    const name = `w${this.made++}`
    const scale = 1 / Math.sqrt(dims.slice(1).reduce((all, d) => all * d, 1))
    const count = dims.reduce((all, d) => all * d, 1)
    const draw = () => (this.random.unit() * 2 - 1) * scale
    this.tensors.push(makeTensor(name, 'float32', dims, Float32Array.from({ length: count }, draw)))
    return name
  }

  ints(...values: number[]): string {
    const name = `i${this.made++}`
    this.tensors.push(makeTensor(name, 'int64', [values.length], values))
    return name
  }

  conv(x: Value, channels: number, group = 1): Value {
    const size = this.random.below(2) * 2 + 1
    const pad = BigInt((size - 1) / 2)
    const w = this.weight(channels, x.channels / group, size, size)
    return this.node('Conv', [x.name, w, this.weight(channels)], channels, {
      group: BigInt(group),
      pads: [pad, pad, pad, pad],
    })
  }

  layer(kind: string, x: Value): Value {
    const { channels } = x
    switch (kind) {
      case 'conv':
        return this.node('Relu', [this.conv(x, 4 * (1 + this.random.below(3))).name], this.last())
      case 'residual': {
        const inner = this.node('Relu', [this.conv(x, 6).name], 6)
        return this.node('Add', [x.name, this.conv(inner, channels).name], channels)
      }
      case 'concat': {
        const other = this.conv(x, 4)
        return this.node('Concat', [x.name, other.name], channels + 4, { axis: 1n })
      }
      case 'depthwise':
        return this.conv(x, channels, channels)
      case 'grouped':
        return this.conv(x, channels, 2)
      case 'shuffle': {
        const [split, back] = [this.ints(0, 2, channels / 2, SIDE, SIDE), this.ints(0, channels, SIDE, SIDE)]
        const parts = this.node('Reshape', [x.name, split], channels)
        const turned = this.node('Transpose', [parts.name], channels, { perm: [0n, 2n, 1n, 3n, 4n] })
        return this.node('Reshape', [turned.name, back], channels)
      }
      case 'split': {
        const [a, b] = [`v${this.made++}`, `v${this.made++}`]
        const half = channels / 2
        this.nodes.push(makeNode('Split', [x.name, this.ints(half, half)], [a, b], { axis: 1n }))
        const inner = this.conv({ name: b, channels: half }, half)
        return this.node('Concat', [inner.name, a], channels, { axis: 1n })
      }
      case 'gate': {
        const pooled = this.node('GlobalAveragePool', [x.name], channels)
        const squeezed = this.node('Conv', [pooled.name, this.weight(4, channels, 1, 1)], 4)
        const gate = this.node('Conv', [squeezed.name, this.weight(channels, 4, 1, 1)], channels)
        const opened = this.node('Sigmoid', [gate.name], channels)
        return this.node('Mul', [x.name, opened.name], channels)
      }
      case 'norm': {
        const vectors = [1, 2, 3].map(() => this.weight(channels))
        const variance = `w${this.made++}`
        this.tensors.push(makeTensor(variance, 'float32', [channels], new Float32Array(channels).fill(0.5)))
        return this.node('BatchNormalization', [x.name, ...vectors, variance], channels)
      }
      case 'inverted': {
        const wide = this.node('HardSwish', [this.conv(x, channels * 2).name], channels * 2)
        const gated = this.layer('gate', this.conv(wide, channels * 2, channels * 2))
        return this.node('Add', [this.conv(gated, channels).name, x.name], channels)
      }
      case 'broadcast': {
        const scaled = this.node('Mul', [x.name, this.weight(channels, 1, 1)], channels)
        return this.node('Add', [scaled.name, this.weight(1, channels, 1, 1)], channels)
      }
      case 'slices': {
        const cut = (from: number, to: number) =>
          this.node('Slice', [x.name, this.ints(from), this.ints(to), this.ints(1)], to - from)
        const [a, b] = [cut(0, channels / 2), cut(channels / 2, channels)]
        const mixed = this.node('Mul', [a.name, b.name], channels / 2)
        return this.node('Concat', [mixed.name, a.name], channels, { axis: 1n })
      }
      case 'pixels': {
        const folded = this.node('SpaceToDepth', [x.name], channels * 4, { blocksize: 2n })
        return this.node('DepthToSpace', [this.conv(folded, 16).name], 4, {
          blocksize: 2n,
          mode: this.random.below(2) === 0 ? 'CRD' : 'DCR',
        })
      }
      case 'dense':
        return this.dense(x, false)
      case 'layer norm':
        return this.dense(x, true)
      case 'group norm': {
        const flat = this.node('Reshape', [x.name, this.ints(0, 2, -1)], channels)
        const norm = [flat.name, this.ones(2), this.weight(2)]
        const normal = this.node('InstanceNormalization', norm, channels)
        return this.node('Reshape', [normal.name, this.ints(0, channels, SIDE, SIDE)], channels)
      }
      case 'shared attention':
        return this.attention(x, 2)
      default:
        return this.attention(x)
    }
  }

  private ones(size: number): string {
    const name = `w${this.made++}`
    this.tensors.push(makeTensor(name, 'float32', [size], new Float32Array(size).fill(1)))
    return name
  }

  /** A dense layer and back, by pixel, with channels last; added to the stream. */
  private dense(x: Value, normal: boolean): Value {
    const { channels } = x
    const last = this.node('Transpose', [x.name], channels, { perm: [0n, 2n, 3n, 1n] })
    const given = normal
      ? this.node('LayerNormalization', [last.name, this.weight(channels), this.weight(channels)], channels)
      : last
    const up = this.node('MatMul', [given.name, this.weight(channels, 6)], 6)
    const hidden = this.node('Erf', [this.node('Add', [up.name, this.weight(6)], 6).name], 6)
    const down = this.node('MatMul', [hidden.name, this.weight(6, channels)], channels)
    const first = this.node('Transpose', [down.name], channels, { perm: [0n, 3n, 1n, 2n] })
    return this.node('Add', [x.name, first.name], channels)
  }

  /** Pixels attend to each other; each key and value serves `shared` queries. Added to the stream. */
  private attention(x: Value, shared = 1): Value {
    const { channels } = x
    const [keys, width] = [2, 3]
    const heads = keys * shared
    const flat = this.node('Reshape', [x.name, this.ints(0, channels, -1)], channels)
    const tokens = this.node('Transpose', [flat.name], channels, { perm: [0n, 2n, 1n] })
    const project = (count: number) => {
      const y = this.node('MatMul', [tokens.name, this.weight(channels, count * width)], count * width)
      const split = this.node('Reshape', [y.name, this.ints(0, -1, count, width)], 0)
      return this.node('Transpose', [split.name], 0, { perm: [0n, 2n, 1n, 3n] }).name
    }
    const repeated = (name: string) => {
      if (shared === 1) return name
      const each = this.node('Unsqueeze', [name, this.ints(2)], 0)
      const all = this.node('Expand', [each.name, this.ints(1, keys, shared, SIDE * SIDE, width)], 0)
      return this.node('Reshape', [all.name, this.ints(0, heads, SIDE * SIDE, width)], 0).name
    }
    const key = this.node('Transpose', [repeated(project(keys))], 0, { perm: [0n, 1n, 3n, 2n] })
    const scores = this.node('MatMul', [project(heads), key.name], 0)
    const shares = this.node('Softmax', [scores.name], 0, { axis: -1n })
    const mixed = this.node('MatMul', [shares.name, repeated(project(keys))], 0)
    const turned = this.node('Transpose', [mixed.name], 0, { perm: [0n, 2n, 1n, 3n] })
    const joined = this.node('Reshape', [turned.name, this.ints(0, -1, heads * width)], 0)
    const out = this.node('MatMul', [joined.name, this.weight(heads * width, channels)], channels)
    const back = this.node('Transpose', [out.name], channels, { perm: [0n, 2n, 1n] })
    const image = this.node('Reshape', [back.name, this.ints(0, channels, SIDE, SIDE)], channels)
    return this.node('Add', [x.name, image.name], channels)
  }

  private last(): number {
    const tensor = this.tensors.at(-2)
    return Number(tensor?.dims[0] ?? 0n)
  }
}

/** Layers a network may have. */
export const KINDS = [
  ...['conv', 'residual', 'concat', 'depthwise', 'grouped', 'shuffle', 'split', 'gate', 'norm', 'attention'],
  ...['inverted', 'broadcast', 'slices', 'pixels', 'dense', 'shared attention', 'layer norm', 'group norm'],
]

function grow(kinds: readonly string[], seed: number): Model {
  const grower = new Grower(new Random(seed))
  let x = grower.layer('conv', { name: 'x', channels: 3 })
  for (const kind of kinds) x = grower.layer(kind, x)
  const flat = grower.node('Flatten', [x.name], 0)
  const y = grower.node('Gemm', [flat.name, grower.weight(x.channels * SIDE * SIDE, 3), grower.weight(3)], 3)
  return makeModel({
    nodes: grower.nodes,
    inputs: [makeValue('x', 'float32', ['n', 3, SIDE, SIDE])],
    outputs: [makeValue(y.name, 'float32', null)],
    initializers: grower.tensors,
  })
}

const SHAPES = new Map([['x', [2, 3, SIDE, SIDE]]])

/** How far the outputs move when idle channels are cut from one group and from several, and what any cut gives. */
export async function cutOf(kinds: readonly string[], seed: number) {
  const structure = await findStructure(grow(kinds, seed))
  const random = new Random(seed)
  const open = structure.groups.filter(group => group.declined.length === 0)
  const some = (group: ChannelGroup): [string, Uint32Array] => {
    const all = random.shuffle(Uint32Array.from({ length: group.size }, (_, i) => i))
    return [group.id, all.slice(0, 1 + random.below(group.size)).sort()]
  }
  const exact = open.filter(group => group.counted.length === 0)
  const alone = exact[random.below(Math.max(1, exact.length))]
  const several = exact.filter(() => random.below(4) > 0)
  let change = 0
  for (const groups of [alone ? [alone] : [], several]) {
    const keep = new Map(groups.map(some))
    const zeroed = idle(structure, keep)
    const before = await runModel(zeroed.model, SHAPES)
    change = Math.max(change, difference(before, await runModel(sliceGroups(zeroed, keep), SHAPES)))
  }
  const any = await runModel(sliceGroups(structure, new Map(open.map(some))), SHAPES)
  return { structure, change, shapes: Object.values(any).map(tensor => tensor.dims) }
}

/** Cuts idle channels of so many random networks and expects the outputs to stay, and any cut to run. */
export async function holds(numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...KINDS), { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 1e6 }),
      async (kinds, seed) => {
        const { structure, change, shapes } = await cutOf(kinds, seed)
        expect(change).toBeLessThan(1e-5)
        expect(shapes).toEqual([[2, 3]])
        // Something can be cut of every one of them: the channels of the last layer, if no others.
        expect(structure.groups.some(group => group.declined.length === 0)).toBe(true)
      },
    ),
    { numRuns, seed: 20261124 },
  )
}
