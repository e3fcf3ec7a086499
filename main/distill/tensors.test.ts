import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { readModel } from '../onnx/read'
import { makeTensor } from '../onnx/tensor'
import { featureTensors } from './tensors'
import { layoutOf } from './tensors-layout'
import { shapesOf } from './tensors-shapes'

const file = (path: string) => readModel(fileURLToPath(new URL(`../../${path}`, import.meta.url)))

describe('featureTensors', () => {
  it('lists maps and vectors of a convolutional net, without its logits', async () => {
    const tensors = await featureTensors(await file('samples/digits-teacher.onnx'))
    const lines = tensors.map(
      t => `${t.op} [${t.shape}] ${t.layout} ${t.depth}${t.passing ? ' passing' : ''}`,
    )
    expect(lines).toEqual([
      'Conv [batch,32,28,28] map 0.25 passing',
      'Relu [batch,32,28,28] map 0.25',
      'MaxPool [batch,32,14,14] map 0.25',
      'Conv [batch,64,14,14] map 0.5 passing',
      'Relu [batch,64,14,14] map 0.5',
      'MaxPool [batch,64,7,7] map 0.5',
      'Gemm [batch,128] last 0.75 passing',
      'Relu [batch,128] last 0.75',
    ])
    expect(tensors[0]?.losses).toEqual(['hint', 'attention', 'similarity', 'relational'])
    expect(tensors[7]?.losses).toEqual(['hint', 'similarity', 'relational'])
  })

  it.each(['dynamo', 'torchscript'])('finds attention in a transformer by %s', async exporter => {
    const tensors = await featureTensors(await file(`main/onnx/fixtures/transformer.${exporter}.onnx`))
    const of = (kind: string) => tensors.filter(t => t.losses.some(loss => loss === kind) && !t.passing)
    const scores = of('attention-matrix')
    expect(scores.map(t => [t.op, t.shape])).toEqual(Array(2).fill(['Add', ['batch', 2, 'length', 'length']]))
    expect(scores.every(t => t.probabilities !== undefined)).toBe(true)
    expect(of('value-relation').map(t => t.shape)).toEqual(Array(2).fill(['batch', 2, 'length', 8]))
    // Embedding, both sums of the residual stream of each block, what each feed-forward layer holds, the last norm.
    expect(of('hint').map(t => t.shape.at(-1))).toEqual([16, 16, 64, 16, 16, 64, 16])
    expect(
      of('hint').every(t => t.layout === 'last' && t.shape[0] === 'batch' && t.shape[1] === 'length'),
    ).toBe(true)
    const depths = of('hint').map(t => t.depth)
    expect(depths).toEqual([...depths].sort((a, b) => a - b))
  })

  it('leaves out what comes from shapes, constants or masks alone, or has no entry per sample', async () => {
    const model = makeModel({
      nodes: [
        makeNode('MatMul', ['x', 'w'], ['h']),
        makeNode('Shape', ['h'], ['s']),
        makeNode('Cast', ['s'], ['f'], { to: 1n }),
        makeNode('Sub', ['one', 'x'], ['masked']),
        makeNode('Mul', ['w', 'w'], ['constant']),
        makeNode('Transpose', ['h'], ['turned']),
        makeNode('Relu', ['turned'], ['across']),
        makeNode('Tanh', ['h'], ['t']),
        makeNode('MatMul', ['t', 'w'], ['y']),
      ],
      inputs: [makeValue('x', 'float32', ['n', 4])],
      outputs: ['y', 'f', 'masked', 'constant', 'across'].map(name => makeValue(name, 'float32', null)),
      initializers: [
        makeTensor('w', 'float32', [4, 4], Array(16).fill(0.5)),
        makeTensor('one', 'float32', [], [1]),
      ],
    })
    expect((await featureTensors(model)).map(t => t.name)).toEqual(['h', 't'])
  })
})

it('shapes computed from shapes are known where they are fixed', async () => {
  const shapes = await shapesOf(await file('main/autodiff/goldens/transformer.onnx'))
  expect(shapes.get('/Softmax_output_0')?.shape).toEqual(['batch', 3, 6, 6])
  expect(shapes.get('/Add_1_output_0')?.shape).toEqual(['batch', 6, 12])
})

it('channels lie on axis 1 behind convolutions, on the last axis behind products', () => {
  const model = makeModel({
    nodes: [
      makeNode('Conv', ['x', 'k'], ['c']),
      makeNode('Relu', ['c'], ['map']),
      makeNode('Transpose', ['map'], ['tokens'], { perm: [0n, 2n, 1n] }),
      makeNode('MatMul', ['tokens', 'w'], ['hidden']),
    ],
    inputs: [makeValue('x', 'float32', ['n', 3, 8])],
    outputs: [makeValue('hidden', 'float32', null)],
    initializers: [
      makeTensor('k', 'float32', [4, 3, 1], Array(12).fill(1)),
      makeTensor('w', 'float32', [4, 4], Array(16).fill(1)),
    ],
  })
  expect(['map', 'tokens', 'hidden'].map(name => layoutOf(model, name, 3))).toEqual(['map', 'last', 'last'])
})
