import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ModelSummary } from '../../shared/domain'
import { type ModelParts, makeGraph, makeModel, makeNode, makeValue } from '../onnx/build'
import type { Model } from '../onnx/model'
import { modelHash } from '../onnx/read'
import { makeTensor } from '../onnx/tensor'
import { FIXTURES, REAL_MODELS } from '../onnx/testing'
import { serialize, writeModel } from '../onnx/write'
import { openSession } from '../runtime/session'
import { inspectModel } from './inspect'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-inspect-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const zeros = (count: number) => new Float32Array(count)
const x = makeValue('x', 'float32', ['n', 4])
const y = makeValue('y', 'float32', null)

async function inspect(
  parts: Partial<ModelParts>,
  edit: (model: Model) => void = () => {},
): Promise<ModelSummary> {
  const model = makeModel({ nodes: [makeNode('Relu', ['x'], ['y'])], inputs: [x], outputs: [y], ...parts })
  edit(model)
  const path = join(folder, 'model.onnx')
  writeFileSync(path, serialize(model))
  return inspectModel(path)
}

function messages(summary: ModelSummary, code: string): string[] {
  return summary.notes.filter(n => n.code === code).map(n => n.message)
}

describe('inspectModel', () => {
  it('counts parameters, bytes and multiply-accumulates of each layer for one sample', async () => {
    const summary = await inspect({
      nodes: [
        makeNode('MatMul', ['x', 'w'], ['h'], {}, { name: 'first' }),
        makeNode('MatMul', ['h', 'w'], ['g'], {}, { name: 'again' }),
        makeNode('Reshape', ['g', 'shape'], ['r'], {}, { name: 'flat' }),
        makeNode('MyOp', ['r'], ['y'], {}, { name: 'mine', domain: 'my.domain' }),
      ],
      initializers: [
        makeTensor('w', 'float32', [4, 4], zeros(16)),
        makeTensor('shape', 'int64', [2], [-1, 4]),
      ],
      domains: { 'my.domain': 1 },
    })
    expect(summary.layers.map(l => [l.name, l.parameters, l.macs, l.bytes])).toEqual([
      ['first', 16, 16, 64],
      ['again', 0, 16, 0],
      ['flat', 0, 0, 16],
      ['mine', 0, null, 0],
    ])
    expect(summary).toMatchObject({ parameters: 16, macs: 32, nodes: 4, opset: 17 })
    expect(summary.unknownCost).toEqual({ 'my.domain:MyOp': 1 })
    expect(summary.operators).toEqual({ MatMul: 2, Reshape: 1, 'my.domain:MyOp': 1 })
    expect(summary.opsets).toEqual({ '': 17, 'my.domain': 1 })
    expect(messages(summary, 'unknown-cost')).toEqual([
      'The cost of 1 × my.domain:MyOp is not known: The operator is not known here.',
    ])
    expect(messages(summary, 'custom-operators')).toEqual([
      'The model uses custom operators of my.domain: they are kept as they are, and need their library to run.',
    ])
    expect(messages(summary, 'ort-refuses')[0]).toContain(
      'my.domain:MyOp(-1) is not a registered function/op',
    )
  })

  it('counts what is computed from weights alone with the layer that reads it, scales not as parameters', async () => {
    const summary = await inspect({
      nodes: [
        makeNode('DequantizeLinear', ['q', 'scale', 'zero'], ['d'], {}, { name: 'dq' }),
        makeNode('Transpose', ['d'], ['t'], {}, { name: 'turn' }),
        makeNode('MatMul', ['x', 't'], ['y'], {}, { name: 'product' }),
      ],
      initializers: [
        makeTensor('q', 'int8', [3, 4], new Int8Array(12)),
        makeTensor('scale', 'float32', [], [0.1]),
        makeTensor('zero', 'int8', [], [0]),
      ],
    })
    expect(summary.layers.map(l => [l.name, l.parameters, l.macs, l.bytes])).toEqual([
      ['dq', 0, 0, 0],
      ['turn', 0, 0, 0],
      ['product', 12, 12, 17],
    ])
    expect(messages(summary, 'already-quantized')).toEqual([
      'The model is already quantized: weights only (DequantizeLinear).',
    ])
  })

  it('divides by a batch that is fixed in the model', async () => {
    const summary = await inspect({
      nodes: [makeNode('MatMul', ['x', 'w'], ['y'])],
      inputs: [makeValue('x', 'float32', [8, 4])],
      outputs: [makeValue('y', 'float32', [8, 2])],
      initializers: [makeTensor('w', 'float32', [4, 2], zeros(8))],
    })
    expect(summary.macs).toBe(8)
    expect(summary.layers[0]?.macs).toBe(8)
  })

  it('names the dimensions it had to assume', async () => {
    const summary = await inspect({ inputs: [makeValue('x', 'float32', ['batch', 'length', 4])] })
    expect(messages(summary, 'assumed-dimension')).toEqual([
      'The multiply-accumulates are counted with 128 for dimension 1 (length) of input x.',
    ])
    expect(messages(summary, 'dynamic-shapes')).toEqual(['Input x has dimensions that are not fixed.'])
  })

  it('warns of operator sets that are too old or too new', async () => {
    expect(messages(await inspect({ opset: 6 }), 'opset-old')).toEqual([
      'The model uses operator set 6; below 7 some operators mean something else.',
    ])
    const tooNew = await inspect({ opset: 99 })
    expect(messages(tooNew, 'opset-new')).toEqual([
      'The model uses operator set 99; ONNX Runtime supports up to 26.',
    ])
    expect(messages(tooNew, 'ort-refuses')[0]).toContain('Opset 99 is under development')
  })

  it('tells of float16, 4-bit outputs and weights that are inputs', async () => {
    const half = await inspect({
      nodes: [makeNode('MatMul', ['x', 'w'], ['y'])],
      inputs: [makeValue('x', 'float16', ['n', 4]), makeValue('w', 'float16', [4, 4])],
      outputs: [makeValue('y', 'float16', null)],
      initializers: [makeTensor('w', 'float16', [4, 4], zeros(16))],
    })
    expect(half.inputs.map(i => i.name)).toEqual(['x'])
    expect(messages(half, 'float16-weights')).toEqual(['The model holds weights as float16.'])
    expect(messages(half, 'float16-inputs')).toEqual(['x, y: fed and read as float16.'])
    expect(messages(half, 'weights-are-inputs')).toHaveLength(1)
    const four = await inspect({
      nodes: [makeNode('QuantizeLinear', ['x', 'scale', 'zero'], ['y'])],
      outputs: [makeValue('y', 'int4', ['n', 4])],
      initializers: [makeTensor('scale', 'float32', [], [0.1]), makeTensor('zero', 'int4', [], [0])],
      opset: 21,
    })
    expect(messages(four, 'output-type')).toEqual(['Output y is int4, which cannot be read here.'])
    expect(messages(four, 'already-quantized')).toHaveLength(1)
  })

  it('tells of control flow, and counts the weights inside', async () => {
    const branch = (name: string) =>
      makeGraph({
        nodes: [makeNode('Add', ['x', `${name}_w`], [name])],
        inputs: [],
        outputs: [makeValue(name, 'float32', null)],
        initializers: [makeTensor(`${name}_w`, 'float32', [4], zeros(4))],
      })
    const summary = await inspect({
      nodes: [makeNode('If', ['c'], ['y'], { then_branch: branch('a'), else_branch: branch('b') })],
      inputs: [x, makeValue('c', 'bool', [])],
    })
    expect(summary.parameters).toBe(8)
    expect(messages(summary, 'control-flow')).toEqual([
      'The model has control flow (If): what lies inside is kept as it is and not changed.',
    ])
    expect(summary.unknownCost).toEqual({ If: 1 })
  })

  it('tells of weights stored twice and of external data', async () => {
    const weights = ['a', 'b'].map(name => makeTensor(name, 'float32', [40, 40], zeros(1600)))
    const path = join(folder, 'model.onnx')
    const model = makeModel({
      nodes: [makeNode('MatMul', ['x', 'a'], ['h']), makeNode('MatMul', ['h', 'b'], ['y'])],
      inputs: [makeValue('x', 'float32', ['n', 40])],
      outputs: [y],
      initializers: weights,
    })
    const { sizeBytes } = await writeModel(model, path, { externalAbove: 0 })
    const summary = await inspectModel(path)
    expect(summary.sizeBytes).toBe(sizeBytes)
    const held = summary.content?.reduce((sum, { bytes }) => sum + bytes, 0) ?? 0
    expect(summary.content?.[0]?.type).toBe('float32')
    expect(held).toBeGreaterThan(0)
    expect(held).toBeLessThan(sizeBytes)
    expect(summary.hash).toBe(await modelHash(path))
    expect(messages(summary, 'duplicate-weights')).toEqual([
      '1 weight is stored more than once, 6.40 kB too much.',
    ])
    expect(messages(summary, 'external-data')).toEqual([
      'Weights lie beside the model, in model.onnx.data: keep them together.',
    ])
  })

  it('reads inputs and outputs of a .ort file', async () => {
    const model = makeModel({ nodes: [makeNode('Relu', ['x'], ['y'])], inputs: [x], outputs: [y] })
    const path = join(folder, 'model.ort')
    const session = await openSession(serialize(model), {
      optimizedPath: path,
      config: { 'session.save_model_format': 'ORT' },
    })
    await session.close()
    const summary = await inspectModel(path)
    expect(summary.inputs).toEqual([{ name: 'x', type: 'float32', shape: ['n', 4] }])
    expect(summary.sizeBytes).toBe(statSync(path).size)
    expect(summary.notes.map(n => n.code)).toEqual(['ort-format'])
  })
})

describe('models of others', () => {
  // Parameters of the PyTorch fixtures are PyTorch's own count (buffers of BatchNorm included where the file has them).
  it.each([
    ['perceptron.torchscript', 4 * 16 + 12 * 16 + 16 + 16 * 16 + 16 + 16 * 3 + 3, 12 * 16 + 16 * 16 + 16 * 3],
    ['convolutions.torchscript', 0, 8 * 64 * 27 + 8 * 16 * 9 + 8 * 16 * 24 + 60],
    ['convolutions.dynamo', 0, 8 * 64 * 27 + 8 * 16 * 9 + 8 * 16 * 24 + 60],
  ])('%s', async (name, parameters, macs) => {
    const summary = await inspectModel(FIXTURES.find(path => path.includes(name)) ?? '')
    if (parameters > 0) expect(summary.parameters).toBeGreaterThanOrEqual(parameters)
    expect(summary.macs).toBe(macs)
    expect(summary.unknownCost).toEqual({})
  })

  it('gives both exports of a transformer the same cost', async () => {
    const [one, two] = await Promise.all(
      FIXTURES.filter(path => path.includes('transformer')).map(path => inspectModel(path)),
    )
    expect(one?.macs).toBeGreaterThan(100_000)
    expect(one?.macs).toBe(two?.macs)
  })

  it.each(REAL_MODELS)('%s fits the contract and adds up', async path => {
    const summary = ModelSummary.parse(await inspectModel(path))
    expect(summary.layers.reduce((sum, l) => sum + l.parameters, 0)).toBe(summary.parameters)
    expect(summary.layers.reduce((sum, l) => sum + (l.macs ?? 0), 0)).toBe(summary.macs)
    expect(Object.values(summary.operators).reduce((sum, n) => sum + n, 0)).toBe(summary.nodes)
    const bytes = summary.layers.reduce((sum, l) => sum + l.bytes, 0)
    expect(bytes).toBeLessThanOrEqual(summary.sizeBytes)
    expect(bytes).toBeGreaterThan(0.8 * summary.sizeBytes)
  })
})
