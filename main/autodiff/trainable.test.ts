import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { readModel } from '../onnx/read'
import { makeTensor } from '../onnx/tensor'
import { trainable } from './trainable'

const folder = join(dirname(fileURLToPath(import.meta.url)), 'goldens')
const both = (...nets: string[]) => nets.flatMap(net => [net, `${net}.dynamo`])

describe('the parameters of nets that PyTorch exports', () => {
  const nets = ['lenet', 'resnet', 'mlp', 'transformer']
  it.each([...nets, ...both('lstm', 'gru', 'convnext', 'mobilenet', 'unet', 'vit', 'gpt')])(
    'of %s are those PyTorch trains',
    async name => {
      const golden = JSON.parse(readFileSync(join(folder, `${name.split('.')[0]}.json`), 'utf8'))
      const found = await trainable(await readModel(join(folder, `${name}.onnx`)), 'logits')
      expect([...found].sort()).toEqual(Object.keys(golden.gradients).sort())
    },
  )
})

describe('what is no parameter', () => {
  const tensor = (name: string, dims: number[], value = 0.5) =>
    makeTensor(name, 'float32', dims, Array(dims.reduce((all, d) => all * d, 1)).fill(value))

  it('normalization of the input, bounds, masks, divisors, scalars, rotary frequencies and statistics', async () => {
    const model = makeModel({
      nodes: [
        makeNode('Sub', ['x', 'mean'], ['centred']),
        makeNode('Div', ['centred', 'std'], ['unit']),
        makeNode('MatMul', ['unit', 'w'], ['a']),
        makeNode('Add', ['a', 'bias'], ['b']),
        makeNode('Clip', ['b', 'low'], ['c']),
        makeNode('Mul', ['c', 'gain'], ['d']),
        makeNode('Mul', ['d', 'half'], ['e']),
        makeNode('Div', ['e', 'divisor'], ['f']),
        makeNode('Add', ['f', 'mask'], ['masked']),
        makeNode('Add', ['masked', 'window'], ['g']),
        makeNode('Cast', ['positions'], ['p'], { to: 1n }),
        makeNode('Mul', ['p', 'frequencies'], ['angles']),
        makeNode('Cos', ['angles'], ['cos']),
        makeNode('Mul', ['g', 'cos'], ['h']),
        makeNode('BatchNormalization', ['h', 'scale', 'shift', 'running', 'variance'], ['n']),
        makeNode('MatMul', ['n', 'column'], ['one']),
        makeNode('Add', ['one', 'lone'], ['y']),
        makeNode('Floor', ['y'], ['floor']),
        makeNode('Mul', ['floor', 'behind'], ['z']),
        makeNode('Add', ['y', 'z'], ['loss']),
      ],
      inputs: [makeValue('x', 'float32', ['n', 4]), makeValue('positions', 'int64', ['n', 1])],
      outputs: [makeValue('loss', 'float32', null)],
      initializers: [
        ...['mean', 'std', 'bias', 'gain', 'divisor', 'frequencies'].map(name => tensor(name, [4])),
        ...['scale', 'shift', 'running', 'variance'].map(name => tensor(name, [4])),
        tensor('w', [4, 4]),
        tensor('low', []),
        tensor('half', [1]),
        tensor('mask', [1, 4], -1e9),
        makeTensor('window', 'float32', [1, 4], [0, 0, -100, -100]),
        tensor('column', [4, 1]),
        tensor('lone', [1]),
        tensor('behind', [3]),
      ],
    })
    expect((await trainable(model, 'y')).sort()).toEqual(
      ['bias', 'column', 'gain', 'lone', 'scale', 'shift', 'w'].sort(),
    )
    await expect(trainable(model, 'nothing')).rejects.toThrow('There is no value named nothing in the model.')
  })
})
