import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NodeProto, TensorProto } from 'onnx-buf'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Note, Profile } from '../../shared/domain'
import { makeNode, makeValue } from '../onnx/build'
import { makeTensor } from '../onnx/tensor'
import { inspectModel } from './inspect'
import { profileModel } from './profile'
import { kernelKind } from './profile-kinds'
import { explainSpeed } from './speed'
import { denseModel, memoryDataset, testContext, weights, writeTestModel } from './testing'

const folder = mkdtempSync(join(tmpdir(), 'bantam-speed-'))
const context = testContext(folder)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const VNNI = { features: ['avx2', 'avx512_vnni'] }
const NO_VNNI = { features: ['avx2', 'fma'] }
const C = 32

function profile(model: string, batch = 1): Promise<Profile> {
  return profileModel({ model, hash: model, batch, threads: 1 }, context)
}

function codes(notes: Note[]): string[] {
  return notes.map(n => n.code)
}

function find(notes: Note[], code: string): Note {
  const note = notes.find(n => n.code === code)
  expect(note, `${code} among ${codes(notes).join(', ')}`).toBeDefined()
  return note as Note
}

const conv = (input: string, weight: string, output: string) =>
  makeNode('Conv', [input, weight], [output], { pads: [1n, 1n, 1n, 1n] }, { name: `conv_${output}` })
const q = (input: string, output: string) =>
  makeNode('QuantizeLinear', [input, 's', 'z'], [output], {}, { name: `q_${output}` })
const dq = (input: string, output: string) =>
  makeNode('DequantizeLinear', [input, 's', 'z'], [output], {}, { name: `dq_${output}` })

const scale: TensorProto[] = [
  makeTensor('s', 'float32', [], Float32Array.of(0.02)),
  makeTensor('z', 'uint8', [], Uint8Array.of(128)),
  makeTensor('z8', 'int8', [], Int8Array.of(0)),
  makeTensor(
    'w8',
    'int8',
    [C, C, 3, 3],
    Int8Array.from({ length: C * C * 9 }, (_, i) => (i % 200) - 100),
  ),
  weights('w', [C, C, 3, 3], i => Math.sin(i) / 50),
]

function convModel(name: string, nodes: NodeProto[], output = 'y', type = 'float32'): string {
  return writeTestModel(join(folder, `${name}.onnx`), {
    nodes,
    inputs: [makeValue('x', 'float32', ['N', C, 32, 32])],
    outputs: [makeValue(output, type, null)],
    initializers: scale,
  })
}

const dequantizedWeight = makeNode('DequantizeLinear', ['w8', 's', 'z8'], ['wd'], {}, { name: 'dq_w' })
/** Convolution between Q and DQ, which ORT runs as one QLinearConv. */
const int8Conv = (input: string, output: string) => [
  q(input, `${output}_xq`),
  dq(`${output}_xq`, `${output}_xd`),
  conv(`${output}_xd`, 'wd', `${output}_c`),
  q(`${output}_c`, `${output}_cq`),
  dq(`${output}_cq`, output),
]

let float: Profile
let int8: Profile

beforeAll(async () => {
  float = await profile(convModel('float', [conv('x', 'w', 'a'), conv('a', 'w', 'b'), conv('b', 'w', 'y')]))
  int8 = await profile(
    convModel('int8', [
      dequantizedWeight,
      ...int8Conv('x', 'a'),
      ...int8Conv('a', 'b'),
      ...int8Conv('b', 'y'),
    ]),
  )
})

describe('profileModel', () => {
  it('tells operators as ORT ran them, with the type they computed in', () => {
    Profile.parse(float)
    const ops = int8.nodes.filter(n => n.op === 'QLinearConv')
    expect(ops.length).toBe(3)
    expect(ops.map(n => n.precision)).toEqual(['uint8', 'uint8', 'uint8'])
    expect(ops.every(n => n.provider === 'CPU')).toBe(true)
    expect(int8.shares.int8).toBeGreaterThan(0.2)
    expect(float.shares).toMatchObject({ int8: 0, quantizeDequantize: 0 })
    expect(float.nodes.filter(n => n.op === 'Conv').map(n => n.precision)).toEqual([
      'float32',
      'float32',
      'float32',
    ])
  })

  it('adds up: nodes, operators and kernel time agree, and lie within the whole run', () => {
    for (const p of [float, int8]) {
      const nodes = p.nodes.reduce((sum, n) => sum + n.us, 0)
      const operators = p.byOperator.reduce((sum, o) => sum + o.us, 0)
      expect(nodes).toBeCloseTo(p.kernelUs, 6)
      expect(operators).toBeCloseTo(p.kernelUs, 6)
      expect(p.kernelUs).toBeLessThan(p.totalUs)
      expect(p.runs).toBeGreaterThanOrEqual(5)
      expect(p.nodes.length).toBe(p.byOperator.reduce((sum, o) => sum + o.count, 0))
    }
  })

  it('leaves no file behind', () => {
    expect(readdirSync(folder).filter(name => !name.endsWith('.onnx'))).toEqual([])
  })

  it('uses the batch that a model fixes, and real samples', async () => {
    const model = denseModel(join(folder, 'fixed.onnx'), 16, 2, 4)
    const dataset = memoryDataset({ inputs: { x: { shape: [16], values: new Float32Array(32) } } })
    const p = await profileModel({ model, hash: 'h', batch: 1, threads: 1, dataset }, context)
    expect(p.batch).toBe(4)
    expect(dataset.largestBatch()).toBe(4)
  })

  it('counts the time of branches once', async () => {
    const branch = (name: string, times: number) => {
      const nodes = Array.from({ length: times }, (_, i) =>
        makeNode(
          'MatMul',
          [i === 0 ? 'x' : `${name}${i - 1}`, 'w'],
          [`${name}${i}`],
          {},
          { name: `${name}_matmul${i}` },
        ),
      )
      return { nodes, output: `${name}${times - 1}` }
    }
    const { makeGraph } = await import('../onnx/build')
    const graph = (name: string, times: number) => {
      const { nodes, output } = branch(name, times)
      return makeGraph({ nodes, inputs: [], outputs: [makeValue(output, 'float32', [64, 256])], name })
    }
    const model = writeTestModel(join(folder, 'if.onnx'), {
      nodes: [
        makeNode(
          'If',
          ['c'],
          ['y'],
          { then_branch: graph('then', 6), else_branch: graph('else', 1) },
          { name: 'if' },
        ),
      ],
      inputs: [makeValue('x', 'float32', [64, 256]), makeValue('c', 'bool', [])],
      outputs: [makeValue('y', 'float32', [64, 256])],
      initializers: [weights('w', [256, 256], i => Math.sin(i) / 16)],
    })
    const p = await profile(model)
    const inside = p.nodes.filter(n => n.op === 'MatMul')
    const outer = p.nodes.find(n => n.op === 'If')
    expect(inside.length).toBe(6)
    expect(p.kernelUs).toBeLessThanOrEqual(p.totalUs)
    expect(outer?.us).toBeLessThan(inside.reduce((sum, n) => sum + n.us, 0))
  })

  it('stops when cancelled and leaves nothing', async () => {
    const stopped = testContext(folder)
    stopped.abort()
    const model = denseModel(join(folder, 'cancel.onnx'), 16, 2)
    await expect(profileModel({ model, hash: 'h', batch: 1, threads: 1 }, stopped)).rejects.toMatchObject({
      code: 'cancelled',
    })
    expect(readdirSync(folder).filter(name => !name.endsWith('.onnx'))).toEqual([])
  })
})

describe('explainSpeed on real profiles', () => {
  it('reports the coverage of 8-bit kernels and no fallback where all runs in 8 bits', () => {
    const notes = explainSpeed(float, int8, VNNI, null)
    expect(find(notes, 'speed.int8-coverage').message).toMatch(
      /^\d+ % of the time in operators is spent in 8-bit kernels/,
    )
    expect(codes(notes)).not.toContain('speed.float-fallback')
    expect(codes(notes)).not.toContain('speed.no-int8-instructions')
    expect(codes(explainSpeed(float, float, VNNI, null))).not.toContain('speed.int8-coverage')
  })

  it('warns of a processor without 8-bit products, unless it is unknown', () => {
    expect(codes(explainSpeed(float, int8, NO_VNNI, null))).toContain('speed.no-int8-instructions')
    expect(codes(explainSpeed(float, int8, { features: [] }, null))).not.toContain(
      'speed.no-int8-instructions',
    )
    expect(codes(explainSpeed(float, float, NO_VNNI, null))).not.toContain('speed.no-int8-instructions')
  })

  it('names the operators left in float', async () => {
    const mixed = await profile(
      convModel('mixed', [
        dequantizedWeight,
        ...int8Conv('x', 'a'),
        conv('a', 'w', 'b'),
        conv('b', 'w', 'y'),
      ]),
    )
    const note = find(explainSpeed(float, mixed, VNNI, null), 'speed.float-fallback')
    expect(note.message).toMatch(
      /^2 operators that multiply still run in floating point and take \d+ % of the time: Conv /,
    )
    expect(mixed.nodes.some(n => n.name === note.node && n.op === 'Conv')).toBe(true)
  })

  it('counts the multiply-accumulates left in float', async () => {
    const path = convModel('macs', [
      dequantizedWeight,
      ...int8Conv('x', 'a'),
      conv('a', 'w', 'b'),
      conv('b', 'w', 'y'),
    ])
    const { layers } = await inspectModel(path)
    const notes = explainSpeed(float, await profile(path), VNNI, null, layers)
    expect(find(notes, 'speed.float-macs')).toMatchObject({
      severity: 'warning',
      message: expect.stringMatching(
        /^67 % of the multiply-accumulates are not computed in 8 bits, most of them in Conv conv_[by] \(33 %\)/,
      ),
    })
    const all = await inspectModel(join(folder, 'int8.onnx'))
    expect(codes(explainSpeed(float, int8, VNNI, null, all.layers))).not.toContain('speed.float-macs')
  })

  it('finds Q and DQ around an operator without an 8-bit kernel', async () => {
    const lone = (input: string, output: string) => [
      q(input, `${output}_q`),
      dq(`${output}_q`, `${output}_d`),
      makeNode('Erf', [`${output}_d`], [output], {}, { name: `erf_${output}` }),
    ]
    const p = await profile(
      convModel('unfused', [...lone('x', 'a'), ...lone('a', 'b'), ...lone('b', 'y')]),
      4,
    )
    const note = find(explainSpeed(float, p, VNNI, null), 'speed.unfused-qdq')
    expect(note.message).toMatch(/^3 QuantizeLinear and 3 DequantizeLinear were not fused/)
    expect(note.action).toBeTruthy()
  })

  it('explains dynamic quantization of convolutions', async () => {
    const p = await profile(
      convModel('dynamic', [
        makeNode('DynamicQuantizeLinear', ['x'], ['xq', 'xs', 'xz'], {}, { name: 'dynamic' }),
        makeNode('ConvInteger', ['xq', 'w8', 'xz'], ['i'], { pads: [1n, 1n, 1n, 1n] }, { name: 'integer' }),
        makeNode('Cast', ['i'], ['f'], { to: 1n }, { name: 'cast' }),
        makeNode('Mul', ['f', 'xs'], ['y'], {}, { name: 'mul' }),
      ]),
    )
    const note = find(explainSpeed(float, p, VNNI, null), 'speed.conv-integer')
    expect(note).toMatchObject({ severity: 'warning', node: 'integer' })
    expect(note.action).toBe('Use static int8 quantization for convolutional models.')
  })

  it('shows what it costs to find ranges in every run', async () => {
    const width = 64
    const p = await profile(
      writeTestModel(join(folder, 'dynamic-dense.onnx'), {
        nodes: [
          makeNode('DynamicQuantizeLinear', ['x'], ['xq', 'xs', 'xz'], {}, { name: 'dynamic' }),
          makeNode('MatMulInteger', ['xq', 'w8', 'xz'], ['i'], {}, { name: 'integer' }),
          makeNode('Cast', ['i'], ['f'], { to: 1n }, { name: 'cast' }),
          makeNode('Mul', ['f', 'xs'], ['y'], {}, { name: 'mul' }),
        ],
        inputs: [makeValue('x', 'float32', ['N', width])],
        outputs: [makeValue('y', 'float32', null)],
        initializers: [makeTensor('w8', 'int8', [width, 4], new Int8Array(width * 4).fill(3))],
      }),
      512,
    )
    expect(find(explainSpeed(float, p, VNNI, null), 'speed.dynamic-quantization').message).toMatch(
      /^Dynamic quantization finds the range of 1 tensor anew in every run/,
    )
    expect(p.nodes.some(n => kernelKind(n) === 'int8')).toBe(true)
  })

  it('counts the casts of float16 on a CPU', async () => {
    const half = await profile(
      convModel(
        'half',
        [
          makeNode('Cast', ['x'], ['h'], { to: 10n }, { name: 'down' }),
          makeNode('Erf', ['h'], ['y'], {}, { name: 'erf1' }),
        ],
        'y',
        'float16',
      ),
    )
    const note = find(explainSpeed(float, half, VNNI, null), 'speed.float16-casts')
    expect(note.message).toMatch(
      /^The CPU computes float16 in float32 here: \d+ casts? to and fro take \d+ % of the time\.$/,
    )
  })

  it('shows changes of layout between 8-bit and float convolutions', async () => {
    const p = await profile(
      convModel('layout', [
        dequantizedWeight,
        conv('x', 'w', 'a'),
        ...int8Conv('a', 'b'),
        conv('b', 'w', 'c'),
        ...int8Conv('c', 'y'),
      ]),
    )
    expect(p.shares.conversion).toBeGreaterThan(0)
    // How much they take depends on the processor's kernels: here, a fifth of the time.
    const fifth = { ...p, kernelUs: p.kernelUs * p.shares.conversion * 5 }
    const note = find(explainSpeed(float, fifth, VNNI, null), 'speed.layout')
    expect(note.message).toMatch(/^\d+ changes of memory layout/)
  })

  it('says when a model is too small for its operators to matter', async () => {
    const tiny = await profile(denseModel(join(folder, 'tiny.onnx'), 4, 1))
    expect(find(explainSpeed(tiny, tiny, VNNI, null), 'speed.small-model').message).toMatch(
      /^The model is small: of .* per recorded run, .* pass outside its \d operators/,
    )
    const big = await profile(denseModel(join(folder, 'big.onnx'), 256, 8), 64)
    expect(codes(explainSpeed(big, big, VNNI, null))).not.toContain('speed.small-model')
  })
})

describe('the verdict', () => {
  const ratio = { a: 'a', b: 'b', batch: 1, threads: 1 }
  it('says noise, faster or slower from the interval alone', () => {
    const of = (value: number, low: number, high: number) =>
      explainSpeed(float, float, VNNI, { ...ratio, ratio: value, low, high })[0]
    expect(of(0.98, 0.95, 1.01)).toMatchObject({
      code: 'speed.noise',
      message:
        'The two differ by less than the noise: the variant takes 0.98 times as long, and the interval 0.95 to 1.01 contains 1.',
    })
    expect(of(0.5, 0.48, 0.52)).toMatchObject({
      code: 'speed.faster',
      message: 'The variant takes 0.50 times as long as its reference (95 % interval 0.48 to 0.52).',
    })
    expect(of(12.3, 11.9, 12.8)).toMatchObject({ code: 'speed.slower', severity: 'warning' })
  })
})

describe('operators that fall back to the CPU', () => {
  it('are named when another device was chosen', () => {
    const node = { name: 'nms', op: 'NonMaxSuppression', provider: 'CPU', us: 40, precision: 'float32' }
    const gpu: Profile = {
      ...float,
      device: 'webgpu',
      kernelUs: 100,
      totalUs: 110,
      nodes: [{ ...node, name: 'conv', op: 'Conv', provider: 'WebGpu', us: 60 }, node],
    }
    expect(find(explainSpeed(float, gpu, VNNI, null), 'speed.provider-fallback').message).toBe(
      '1 operator run on the CPU instead of webgpu and take 40 % of the time: NonMaxSuppression nms (40 %).',
    )
  })
})
