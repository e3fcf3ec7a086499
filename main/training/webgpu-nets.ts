/** Small nets that the test of training on WebGPU takes. Imported by tests only. */
import { Random } from '../data/random'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import type { Model } from '../onnx/model'
import { makeTensor } from '../onnx/tensor'
import { elementCount } from '../runtime/tensor'

/** Nodes and weights of one net, written down as they come. */
class Net {
  private readonly random = new Random(4)
  private readonly nodes: Parameters<typeof makeModel>[0]['nodes'] = []
  private readonly initializers: ReturnType<typeof makeTensor>[] = []

  /** Uniform in ±√(3 / fan-in). */
  weight(name: string, dims: number[], fanIn: number): string {
    const bound = Math.sqrt(3 / fanIn)
    const data = Float32Array.from({ length: elementCount(dims) }, () => bound * (2 * this.random.unit() - 1))
    this.initializers.push(makeTensor(name, 'float32', dims, data))
    return name
  }

  constant(name: string, dims: number[], value: number): string {
    const data = new Float32Array(elementCount(dims)).fill(value)
    this.initializers.push(makeTensor(name, 'float32', dims, data))
    return name
  }

  shape(name: string, dims: readonly number[]): string {
    this.initializers.push(makeTensor(name, 'int64', [dims.length], BigInt64Array.from(dims, BigInt)))
    return name
  }

  add(op: string, inputs: string[], out: string, attributes: Parameters<typeof makeNode>[3] = {}): string {
    this.nodes.push(makeNode(op, inputs, [out], attributes, { name: out }))
    return out
  }

  conv(x: string, out: string, from: number, to: number): string {
    const w = this.weight(`${out}.w`, [to, from, 3, 3], 9 * from)
    return this.add('Conv', [x, w], out, { pads: [1n, 1n, 1n, 1n], kernel_shape: [3n, 3n] })
  }

  normalize(x: string, out: string, channels: number): string {
    const of = (part: string, value: number) => this.constant(`${out}.${part}`, [channels], value)
    const inputs = [x, of('scale', 1), of('bias', 0.1), of('mean', 0), of('var', 1)]
    return this.add('BatchNormalization', inputs, out)
  }

  dense(x: string, out: string, from: number, to: number): string {
    const product = this.add('MatMul', [x, this.weight(`${out}.w`, [from, to], from)], `${out}.product`)
    return this.add('Add', [product, this.constant(`${out}.b`, [to], 0.01)], out)
  }

  done(shape: number[], classes: number): Model {
    return makeModel({
      nodes: this.nodes,
      inputs: [makeValue('x', 'float32', ['batch', ...shape])],
      outputs: [makeValue('logits', 'float32', ['batch', classes])],
      initializers: this.initializers,
      opset: 17,
    })
  }
}

/** x [batch, channels, 8, 8] → Conv → Relu → mean over the picture → logits [batch, 3]. */
export function plainConvNet(channels: number, filters = 8): Model {
  const net = new Net()
  const h = net.add('Relu', [net.conv('x', 'conv', channels, filters)], 'relu')
  const pooled = net.add('Flatten', [net.add('GlobalAveragePool', [h], 'pool')], 'flat')
  net.dense(pooled, 'logits', filters, 3)
  return net.done([channels, 8, 8], 3)
}

/** x [batch, 3, 8, 8] → stem → a residual block with batch normalization → logits [batch, 3]. */
export function residualNet(): Model {
  const net = new Net()
  const block = (x: string, name: string, from: number) =>
    net.normalize(net.conv(x, `${name}.conv`, from, 8), `${name}.norm`, 8)
  const stem = net.add('Relu', [block('x', 'stem', 3)], 'stem.relu')
  const first = net.add('Relu', [block(stem, 'one', 8)], 'one.relu')
  const sum = net.add('Relu', [net.add('Add', [block(first, 'two', 8), stem], 'sum')], 'sum.relu')
  const pooled = net.add('Flatten', [net.add('GlobalAveragePool', [sum], 'pool')], 'flat')
  net.dense(pooled, 'logits', 8, 3)
  return net.done([3, 8, 8], 3)
}

/** x [batch, 6, 16] → attention with two heads, Gelu, layer normalization → logits [batch, 3]. */
export function transformerNet(): Model {
  const net = new Net()
  const [width, heads] = [16, 2]
  const split = net.shape('split', [0, 6, heads, width / heads])
  const joined = net.shape('joined', [0, 6, width])
  const norm = (x: string, out: string) =>
    net.add(
      'LayerNormalization',
      [x, net.constant(`${out}.scale`, [width], 1), net.constant(`${out}.bias`, [width], 0)],
      out,
      { axis: -1n },
    )
  const input = norm('x', 'norm1')
  const head = (name: string, perm: bigint[]) => {
    const parts = net.add('Reshape', [net.dense(input, name, width, width), split], `${name}.split`)
    return net.add('Transpose', [parts], `${name}.heads`, { perm })
  }
  const scores = net.add('MatMul', [head('q', [0n, 2n, 1n, 3n]), head('k', [0n, 2n, 3n, 1n])], 'scores')
  const scaled = net.add('Mul', [scores, net.constant('scale', [], (width / heads) ** -0.5)], 'scaled')
  const shares = net.add('Softmax', [scaled], 'shares', { axis: -1n })
  const mixed = net.add('MatMul', [shares, head('v', [0n, 2n, 1n, 3n])], 'mixed')
  const back = net.add('Transpose', [mixed], 'back', { perm: [0n, 2n, 1n, 3n] })
  const attended = net.dense(net.add('Reshape', [back, joined], 'all'), 'out', width, width)
  const first = net.add('Add', [attended, 'x'], 'residual1')
  const wide = net.dense(norm(first, 'norm2'), 'wide', width, 32)
  const half = net.add('Mul', [wide, net.constant('√½', [], Math.SQRT1_2)], 'half')
  const erf = net.add('Add', [net.add('Erf', [half], 'erf'), net.constant('one', [], 1)], 'erf1')
  const gelu = net.add('Mul', [net.add('Mul', [wide, erf], 'gelu2'), net.constant('½', [], 0.5)], 'gelu')
  const second = net.add('Add', [net.dense(gelu, 'narrow', 32, width), first], 'residual2')
  net.dense(net.add('ReduceMean', [second], 'pooled', { axes: [1n], keepdims: 0n }), 'logits', width, 3)
  return net.done([6, width], 3)
}
