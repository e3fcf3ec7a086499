import { firstDimension, scaler } from './bantam.mjs'

/**
 * A depthwise separable network for digits, with batch normalization and a branch, to be trained: input
 * [batch, 1, 28, 28], logits [batch, 10]. `load` is that of engine.mjs.
 */
export async function depthwiseNet(load, seed) {
  const [{ makeModel, makeNode, makeValue }, { makeTensor }, { Random }] = await Promise.all(
    ['main/onnx/build', 'main/onnx/tensor', 'main/data/random'].map(load),
  )
  const random = new Random(seed)
  const nodes = []
  const initializers = []
  const tensor = (name, dims, draw) => {
    const values = Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, draw)
    initializers.push(makeTensor(name, 'float32', dims, values))
    return name
  }
  const add = (op, inputs, name, attributes = {}) => {
    nodes.push(makeNode(op, inputs, [name], attributes, { name: `/${name}` }))
    return name
  }
  /** Convolution and batch normalization. */
  const layer = (x, name, [to, from, kernel], { stride = 1, group = 1 } = {}) => {
    const limit = Math.sqrt(6 / (from * kernel * kernel))
    const weight = tensor(`${name}.weight`, [to, from, kernel, kernel], () => limit * (2 * random.unit() - 1))
    const pad = BigInt((kernel - 1) / 2)
    const y = add('Conv', [x, weight], `${name}.conv`, {
      kernel_shape: [BigInt(kernel), BigInt(kernel)],
      pads: [pad, pad, pad, pad],
      strides: [BigInt(stride), BigInt(stride)],
      group: BigInt(group),
    })
    const norm = Object.entries({ scale: 1, shift: 0, mean: 0, variance: 1 })
    const parts = norm.map(([part, value]) => tensor(`${name}.${part}`, [to], () => value))
    return add('BatchNormalization', [y, ...parts], name, { epsilon: 1e-5, momentum: 0.9 })
  }
  const relu = x => add('Relu', [x], `${x}.relu`)
  const separable = (x, name, from, to, stride) => {
    const depthwise = layer(x, `${name}.depthwise`, [from, 1, 3], { stride, group: from })
    return layer(relu(depthwise), `${name}.pointwise`, [to, from, 1])
  }
  let x = relu(layer('input', 'stem', [16, 1, 3], { stride: 2 }))
  x = relu(separable(x, 'block1', 16, 32, 1))
  x = relu(separable(x, 'block2', 32, 64, 2))
  x = relu(add('Add', [x, separable(x, 'block3', 64, 64, 1)], 'sum'))
  x = relu(separable(x, 'block4', 64, 64, 1))
  x = add('Flatten', [add('GlobalAveragePool', [x], 'pooled')], 'flat', { axis: 1n })
  const weight = tensor('logits.weight', [10, 64], () => Math.sqrt(6 / 74) * (2 * random.unit() - 1))
  x = add('Gemm', [x, weight, tensor('logits.bias', [10], () => 0)], 'logits', { transB: 1n })
  return makeModel({
    name: 'depthwise',
    nodes,
    initializers,
    inputs: [makeValue('input', 'float32', ['batch', 1, 28, 28])],
    outputs: [makeValue(x, 'float32', ['batch', 10])],
  })
}

/**
 * Scales channels of a trained one against each other, without a change of what it computes: those that one layer makes
 * and one other reads by up to `chain`, what equalization can undo; those of the values that the Add joins by up to
 * `branch`, what it cannot, for they have two makers and two readers. Factors are even in their logarithms.
 */
export async function unbalance(load, model, { seed, chain, branch }) {
  const [{ Random }, scale] = await Promise.all([load('main/data/random'), scaler(load)])
  const random = new Random(seed)
  const against = (makers, readers, most) => {
    const count = firstDimension(model, `${makers[0]}.scale`)
    const factors = Array.from({ length: count }, () => most ** random.unit())
    for (const name of makers)
      for (const part of ['scale', 'shift']) scale(model, `${name}.${part}`, 0, factors)
    for (const [name, axis] of readers)
      scale(
        model,
        `${name}.weight`,
        axis,
        factors.map(f => 1 / f),
      )
  }
  against(['stem'], [['block1.depthwise', 0]], chain)
  for (const i of [1, 2, 3, 4]) against([`block${i}.depthwise`], [[`block${i}.pointwise`, 1]], chain)
  against(['block1.pointwise'], [['block2.depthwise', 0]], chain)
  against(['block4.pointwise'], [['logits', 1]], chain)
  const branches = ['block2.pointwise', 'block3.pointwise']
  const readers = ['block3.depthwise', 'block4.depthwise'].map(name => [name, 0])
  against(branches, readers, branch)
}
