// Writes the networks that the samples' teachers are trained from: random weights, made from one seed.
//   node scripts/make-teacher-nets.mjs [--out FOLDER] [--seed N]     digits-net.onnx and spam-net.onnx
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runnerImport } from 'vite'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { values } = parseArgs({
  options: { out: { type: 'string', default: '.' }, seed: { type: 'string', default: '0' } },
})
const load = async path => (await runnerImport(join(root, path))).module
const { makeModel, makeNode, makeValue } = await load('main/onnx/build.ts')
const { makeTensor } = await load('main/onnx/tensor.ts')
const { serialize } = await load('main/onnx/write.ts')
const { Random } = await load('main/data/random.ts')

/** Gelu as one node is of this operator set. */
const OPSET = 20
const SPAM = { vocabulary: 4096, length: 128, width: 64, heads: 4, hidden: 256, blocks: 4, dropout: 0.1 }

mkdirSync(values.out, { recursive: true })
writeFileSync(join(values.out, 'digits-net.onnx'), serialize(digitsNet(Number(values.seed))))
writeFileSync(join(values.out, 'spam-net.onnx'), serialize(spamNet(Number(values.seed))))

/** Nodes and weights of a network as they are added. */
function builder(seed) {
  const random = new Random(seed)
  const nodes = []
  const initializers = []
  const tensor = (name, type, dims, data) => {
    initializers.push(makeTensor(name, type, dims, data))
    return name
  }
  const filled = (name, dims, draw) =>
    tensor(name, 'float32', dims, Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, draw))
  return {
    nodes,
    initializers,
    tensor,
    constant: (name, dims, value) => filled(name, dims, () => value),
    /** A number that is no weight: a node, so that training leaves it alone. */
    scalar: (name, value) => {
      const tensor = makeTensor('', 'float32', [], [value])
      nodes.push(makeNode('Constant', [], [name], { value: tensor }, { name: `/${name}` }))
      return name
    },
    /** Box and Muller. */
    normal: (name, dims, deviation) =>
      filled(
        name,
        dims,
        () => deviation * Math.sqrt(-2 * Math.log(1 - random.unit())) * Math.cos(2 * Math.PI * random.unit()),
      ),
    /** Uniform with the deviation sqrt(2 / (fan in + fan out)): Glorot and Bengio 2010. */
    xavier: (name, dims, fanIn, fanOut) => {
      const limit = Math.sqrt(6 / (fanIn + fanOut))
      return filled(name, dims, () => limit * (2 * random.unit() - 1))
    },
    /** Uniform with the deviation sqrt(2 / fan in), for layers that a ReLU follows: He et al. 2015. */
    he: (name, dims, fanIn) => {
      const limit = Math.sqrt(6 / fanIn)
      return filled(name, dims, () => limit * (2 * random.unit() - 1))
    },
    /** Adds a node called after its output; returns the output. */
    add: (op, inputs, output, attributes = {}) => {
      nodes.push(makeNode(op, inputs, [output], attributes, { name: `/${output}` }))
      return output
    },
  }
}

/** Two convolutions with batch normalisation, ReLU and pooling, then dense layers of 128 and 10: 421,834 parameters. */
function digitsNet(seed) {
  const net = builder(seed)
  let x = 'input'
  for (const [i, from, to] of [
    [1, 1, 32],
    [2, 32, 64],
  ]) {
    const weight = net.he(`conv${i}.weight`, [to, from, 3, 3], from * 9)
    const bias = net.constant(`conv${i}.bias`, [to], 0)
    x = net.add('Conv', [x, weight, bias], `conv${i}`, { kernel_shape: [3n, 3n], pads: [1n, 1n, 1n, 1n] })
    const affine = ['scale', 'bias', 'mean', 'var'].map(part =>
      net.constant(`norm${i}.${part}`, [to], part === 'scale' || part === 'var' ? 1 : 0),
    )
    x = net.add('BatchNormalization', [x, ...affine], `norm${i}`, { epsilon: 1e-5, momentum: 0.9 })
    x = net.add('Relu', [x], `relu${i}`)
    x = net.add('MaxPool', [x], `pool${i}`, { kernel_shape: [2n, 2n], strides: [2n, 2n] })
  }
  x = net.add('Flatten', [x], 'flat', { axis: 1n })
  const dense = (name, from, to, weight) =>
    net.add(
      'Gemm',
      [x, weight(`${name}.weight`, [to, from], from, to), net.constant(`${name}.bias`, [to], 0)],
      name,
      {
        transB: 1n,
      },
    )
  x = dense('dense1', 64 * 49, 128, net.he)
  x = net.add('Relu', [x], 'relu3')
  x = net.add('Dropout', [x, net.scalar('dropout.ratio', 0.4)], 'dropout')
  x = dense('logits', 128, 10, net.xavier)
  return makeModel({
    name: 'digits',
    opset: OPSET,
    nodes: net.nodes,
    initializers: net.initializers,
    inputs: [makeValue('input', 'float32', ['batch', 1, 28, 28])],
    outputs: [makeValue(x, 'float32', ['batch', 10])],
  })
}

/**
 * A transformer encoder in pre-norm form (Xiong et al. 2020) over token and position embeddings, mean of the tokens that
 * are no padding, and a linear layer.
 */
function spamNet(seed) {
  const net = builder(seed)
  const { vocabulary, length, width, heads, blocks, dropout } = SPAM
  const ints = (name, values) =>
    net.tensor(name, 'int64', [values.length], BigInt64Array.from(values.map(BigInt)))
  net.scalar('dropout.ratio', dropout)
  net.scalar('one', 1)
  net.scalar('attention.scale', 1 / Math.sqrt(width / heads))
  // Small enough for half precision, large enough that softmax gives zero.
  net.scalar('attention.off', -1e4)
  ints('shape.heads', [0, length, heads, width / heads])
  ints('shape.joined', [0, length, width])
  ints('axes.heads', [1, 2])
  ints('axes.last', [2])
  ints('axes.tokens', [1])
  net.normal('embedding.tokens', [vocabulary, width], 0.02)
  net.normal('embedding.positions', [length, width], 0.02)
  const mask = net.add('Cast', ['attention_mask'], 'mask', { to: 1n })
  const absent = net.add(
    'Sub',
    ['one', net.add('Unsqueeze', [mask, 'axes.heads'], 'mask.heads')],
    'mask.absent',
  )
  const bias = net.add('Mul', [absent, 'attention.off'], 'mask.bias')
  let x = net.add('Gather', ['embedding.tokens', 'input_ids'], 'tokens')
  x = net.add('Add', [x, 'embedding.positions'], 'placed')
  x = net.add('Dropout', [x, 'dropout.ratio'], 'embedded')
  for (let i = 0; i < blocks; i++) x = encoderBlock(net, x, bias, `block${i}`)
  x = layerNorm(net, x, 'final.norm')
  const weights = net.add('Unsqueeze', [mask, 'axes.last'], 'pool.mask')
  const sum = net.add('ReduceSum', [net.add('Mul', [x, weights], 'pool.kept'), 'axes.tokens'], 'pool.sum', {
    keepdims: 0n,
  })
  const count = net.add('ReduceSum', [weights, 'axes.tokens'], 'pool.count', { keepdims: 0n })
  x = net.add('Div', [sum, net.add('Max', [count, 'one'], 'pool.some')], 'pooled')
  const weight = net.xavier('logits.weight', [2, width], width, 2)
  x = net.add('Gemm', [x, weight, net.constant('logits.bias', [2], 0)], 'logits', { transB: 1n })
  return makeModel({
    name: 'spam',
    opset: OPSET,
    nodes: net.nodes,
    initializers: net.initializers,
    inputs: ['input_ids', 'attention_mask'].map(name => makeValue(name, 'int64', ['batch', length])),
    outputs: [makeValue(x, 'float32', ['batch', 2])],
  })
}

function layerNorm(net, x, name) {
  const { width } = SPAM
  const weights = [net.constant(`${name}.scale`, [width], 1), net.constant(`${name}.bias`, [width], 0)]
  return net.add('LayerNormalization', [x, ...weights], name, { axis: -1n, epsilon: 1e-5 })
}

function linear(net, x, name, from, to) {
  const product = net.add(
    'MatMul',
    [x, net.xavier(`${name}.weight`, [from, to], from, to)],
    `${name}.product`,
  )
  return net.add('Add', [product, net.constant(`${name}.bias`, [to], 0)], name)
}

/** x + attention(norm(x)), then x + feed forward(norm(x)). */
function encoderBlock(net, x, bias, name) {
  const { width, hidden } = SPAM
  const normed = layerNorm(net, x, `${name}.norm1`)
  const split = (part, perm) => {
    const shaped = net.add(
      'Reshape',
      [linear(net, normed, `${name}.${part}`, width, width), 'shape.heads'],
      `${name}.${part}.heads`,
    )
    return net.add('Transpose', [shaped], `${name}.${part}.moved`, { perm })
  }
  const query = split('query', [0n, 2n, 1n, 3n])
  const key = split('key', [0n, 2n, 3n, 1n])
  const value = split('value', [0n, 2n, 1n, 3n])
  const scores = net.add(
    'Mul',
    [net.add('MatMul', [query, key], `${name}.dots`), 'attention.scale'],
    `${name}.scores`,
  )
  const masked = net.add('Add', [scores, bias], `${name}.masked`)
  const shares = net.add('Softmax', [masked], `${name}.shares`, { axis: -1n })
  const mixed = net.add('Transpose', [net.add('MatMul', [shares, value], `${name}.mixed`)], `${name}.back`, {
    perm: [0n, 2n, 1n, 3n],
  })
  const joined = net.add('Reshape', [mixed, 'shape.joined'], `${name}.joined`)
  const attended = linear(net, joined, `${name}.output`, width, width)
  const first = net.add(
    'Add',
    [x, net.add('Dropout', [attended, 'dropout.ratio'], `${name}.drop1`)],
    `${name}.sum1`,
  )
  const wide = linear(net, layerNorm(net, first, `${name}.norm2`), `${name}.wide`, width, hidden)
  const narrow = linear(net, net.add('Gelu', [wide], `${name}.gelu`), `${name}.narrow`, hidden, width)
  return net.add(
    'Add',
    [first, net.add('Dropout', [narrow, 'dropout.ratio'], `${name}.drop2`)],
    `${name}.sum2`,
  )
}
