import { describe, expect, it } from 'vitest'
import type { HardLoss } from '../../shared/training'
import {
  expectGradient,
  type Given,
  lossOf as lossAndGradients,
  randomTensor,
  spec,
} from '../distill/losses/testing'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import type { Tensor } from '../runtime/tensor'
import { runOnce } from './conformance'
import { addLosses, LOSS, type LossPart, partName, targetName } from './losses'

const model = makeModel({
  nodes: [makeNode('Identity', ['x'], ['y'])],
  inputs: [makeValue('x', 'float32', ['n', 3])],
  outputs: [makeValue('y', 'float32', ['n', 3])],
})

const floats = (dims: number[], ...data: number[]): Tensor => ({
  type: 'float32',
  dims,
  data: Float32Array.from(data),
})
const labels = (...data: number[]): Tensor => ({
  type: 'int64',
  dims: [data.length],
  data: BigInt64Array.from(data, BigInt),
})

type Hard = Omit<Partial<HardLoss>, 'kind'> & { kind: HardLoss['kind'] }

function given(loss: Hard & Record<string, unknown>, x: Tensor, y: Tensor): Given {
  return { loss, x, y, labels: y.type === 'int64' ? 'index' : 'probabilities' }
}

/** Loss and gradient by the logits. */
async function lossOf(loss: Hard & Record<string, unknown>, x: Tensor, target: Tensor) {
  const { loss: value, gradients } = await lossAndGradients(given(loss, x, target))
  return { loss: value, gradient: gradients.x ?? [] }
}

const close = (a: number[], b: number[]) => {
  expect(a).toHaveLength(b.length)
  a.forEach((v, i) => {
    expect(v).toBeCloseTo(b[i] ?? Number.NaN, 5)
  })
}
const ZEROS = [0, 0, 0, 0, 0, 0]
const x = floats([2, 3], 1, -2, 0.5, 0, 3, -1)

describe('losses', () => {
  it('cross entropy is zero when the label is certain, ln 3 when nothing is known', async () => {
    const sure = await lossOf({ kind: 'cross-entropy' }, floats([2, 3], 80, 0, 0, 0, 0, 80), labels(0, 2))
    expect(sure.loss).toBeCloseTo(0, 6)
    close(sure.gradient, ZEROS)
    const blank = await lossOf({ kind: 'cross-entropy' }, floats([2, 3], ...ZEROS), labels(0, 2))
    expect(blank.loss).toBeCloseTo(Math.log(3), 6)
    close(blank.gradient, [-1 / 3, 1 / 6, 1 / 6, 1 / 6, 1 / 6, -1 / 3])
  })

  it('smoothed cross entropy has no gradient where softmax is the smoothed label', async () => {
    // ε = 0.3: q = [0.8, 0.1, 0.1]; the loss there is the entropy of q.
    const q = [0.8, 0.1, 0.1]
    const logits = floats([2, 3], ...q.map(Math.log), ...[...q].reverse().map(Math.log))
    const { loss, gradient } = await lossOf({ kind: 'cross-entropy', smoothing: 0.3 }, logits, labels(0, 2))
    expect(loss).toBeCloseTo(-q.reduce((sum, p) => sum + p * Math.log(p), 0), 5)
    close(gradient, ZEROS)
  })

  it('binary cross entropy has no gradient where σ(x) is the label', async () => {
    const p = [0.5, 0.2, 0.9, 0.5, 0.3, 0.7]
    const logits = floats([2, 3], ...p.map(v => Math.log(v / (1 - v))))
    close((await lossOf({ kind: 'binary-cross-entropy' }, logits, floats([2, 3], ...p))).gradient, ZEROS)
    const sure = await lossOf(
      { kind: 'binary-cross-entropy' },
      floats([1, 3], 90, -90, 90),
      floats([1, 3], 1, 0, 1),
    )
    expect(sure.loss).toBeCloseTo(0, 6)
  })

  it.each([{ kind: 'mse' }, { kind: 'huber', delta: 0.5 }] as const)(
    '$kind is zero at its target, and nowhere near it',
    async loss => {
      const same = await lossOf(loss, x, x)
      expect(same.loss).toBeCloseTo(0, 6)
      close(same.gradient, ZEROS)
      const other = await lossOf(loss, x, floats([2, 3], 3, 1, 0, -1, 0, 2))
      expect(other.loss).toBeGreaterThan(0.1)
    },
  )

  it('give the values of their formulas', async () => {
    const zero = floats([1, 3], 0, 0, 0)
    const far = floats([1, 3], 0.4, -2, 0)
    // (0.16 + 4 + 0)/3, and (0.08 + 1·(2 − ½) + 0)/3
    expect((await lossOf({ kind: 'mse' }, far, zero)).loss).toBeCloseTo(4.16 / 3, 6)
    expect((await lossOf({ kind: 'huber' }, far, zero)).loss).toBeCloseTo(1.58 / 3, 6)
  })

  it('cross entropy weighs classes, and takes mixed labels', async () => {
    const q = [
      [0.7, 0.3, 0],
      [0, 0.2, 0.8],
    ]
    const w = [1, 2, 0.5]
    const p = [0, 1].map(i => {
      const e = [0, 1, 2].map(c => Math.exp(Number(x.data[i * 3 + c])))
      return e.map(v => v / e.reduce((a, b) => a + b, 0))
    })
    const term = (i: number, c: number, share: number) => -(w[c] ?? 0) * share * Math.log(p[i]?.[c] ?? 0)
    const mixed = [0, 1].map(i => [0, 1, 2].reduce((sum, c) => sum + term(i, c, q[i]?.[c] ?? 0), 0))
    const weighted = { kind: 'cross-entropy', classWeights: w } as const
    const found = await lossOf(weighted, x, floats([2, 3], ...q.flat()))
    expect(found.loss).toBeCloseTo(((mixed[0] ?? 0) + (mixed[1] ?? 0)) / 2, 5)
    const hard = await lossOf(weighted, x, labels(1, 2))
    expect(hard.loss).toBeCloseTo((term(0, 1, 1) + term(1, 2, 1)) / 2, 5)
    // Smoothing spreads a share before the weights count; probabilities of one class are that class.
    const smooth = { ...weighted, smoothing: 0.3 }
    const byIndex = await lossOf(smooth, x, labels(1, 2))
    const byShare = await lossOf(smooth, x, floats([2, 3], 0, 1, 0, 0, 0, 1))
    expect(byIndex.loss).toBeCloseTo(byShare.loss, 6)
    const plain = await lossOf({ kind: 'cross-entropy', smoothing: 0.3 }, x, labels(1, 2))
    const ones = await lossOf({ ...smooth, classWeights: [1, 1, 1] }, x, labels(1, 2))
    expect(ones.loss).toBeCloseTo(plain.loss, 6)
  })

  it.each<Hard & Record<string, unknown>>([
    { kind: 'cross-entropy', smoothing: 0.1 },
    { kind: 'cross-entropy', classWeights: [1, 2, 0.5, 3], smoothing: 0.2 },
    { kind: 'mse' },
    { kind: 'huber', delta: 0.3 },
    { kind: 'binary-cross-entropy' },
  ])('$kind agrees with finite differences', async loss => {
    const type = loss.kind === 'binary-cross-entropy' ? 'float32' : 'float64'
    const target = loss.kind === 'cross-entropy' ? labels(0, 3, 1) : randomTensor([3, 4], 2, type)
    await expectGradient(given(loss, randomTensor([3, 4], 1, type), target))
  })

  it('add up with weights, each told apart, and tell what they must be fed', async () => {
    const added = await addLosses(model, [
      { loss: spec({ kind: 'cross-entropy', weight: 0.5 }), of: 'y', labels: 'index', share: 0.5 },
      { loss: spec({ kind: 'mse', weight: 2 }), of: 'y' },
    ])
    expect(added.projectors).toEqual([])
    expect(added.parts).toEqual([
      {
        title: 'labels',
        output: partName(0),
        targets: [{ input: targetName(0), from: 'labels', type: 'int64', shape: ['n'] }],
      },
      {
        title: 'labels',
        output: partName(1),
        targets: [{ input: targetName(1), from: 'labels', type: 'float32', shape: ['n', 3] }],
      },
    ])
    const feeds = { x, [targetName(0)]: labels(0, 1), [targetName(1)]: floats([2, 3], ...ZEROS) }
    const out = await runOnce(added.model, feeds)
    const a = await lossOf({ kind: 'cross-entropy' }, x, labels(0, 1))
    const b = await lossOf({ kind: 'mse' }, x, floats([2, 3], ...ZEROS))
    close(
      [LOSS, partName(0), partName(1)].map(name => Number(out[name]?.data[0])),
      [0.25 * a.loss + 2 * b.loss, 0.25 * a.loss, 2 * b.loss],
    )
    expect(model.graph.outputNames).toEqual(['y'])
  })

  it('refuse what cannot be', async () => {
    const refused = (part: LossPart) => addLosses(model, [part])
    const crossEntropy = spec({ kind: 'cross-entropy' })
    await expect(refused({ loss: spec({ kind: 'mse' }), of: 'z' })).rejects.toThrow(
      'The loss mse is of z, which is not a value of the model with a known shape.',
    )
    await expect(refused({ loss: crossEntropy, of: 'y' })).rejects.toThrow(
      'The loss cross-entropy needs labels.',
    )
    await expect(
      refused({ loss: spec({ kind: 'cross-entropy', classWeights: [1, 2] }), of: 'y', labels: 'index' }),
    ).rejects.toThrow('The loss cross-entropy has 2 class weights, but y has 3 classes.')
    await expect(addLosses(model, [])).rejects.toThrow('A loss needs at least one part.')
  })
})
