import { describe, expect, it } from 'vitest'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import type { Tensor } from '../runtime/tensor'
import { runOnce } from './conformance'
import { gradientGraph } from './gradient'
import { addLosses, LOSS, type Loss, targetName } from './losses'
import { gradientName } from './prepare'

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

/** Loss and gradient by the logits. */
async function lossOf(loss: Loss, x: Tensor, target: Tensor): Promise<{ loss: number; gradient: number[] }> {
  const graph = await gradientGraph(await addLosses(model, [{ loss }]), { loss: LOSS, wrt: ['x'] })
  const out = await runOnce(graph, { x, [targetName(0)]: target })
  return {
    loss: Number(out[LOSS]?.data[0]),
    gradient: Array.from(out[gradientName('x')]?.data as Float32Array),
  }
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
    const sure = await lossOf(
      { kind: 'crossEntropy', of: 'y' },
      floats([2, 3], 80, 0, 0, 0, 0, 80),
      labels(0, 2),
    )
    expect(sure.loss).toBeCloseTo(0, 6)
    close(sure.gradient, ZEROS)
    const blank = await lossOf({ kind: 'crossEntropy', of: 'y' }, floats([2, 3], ...ZEROS), labels(0, 2))
    expect(blank.loss).toBeCloseTo(Math.log(3), 6)
    close(blank.gradient, [-1 / 3, 1 / 6, 1 / 6, 1 / 6, 1 / 6, -1 / 3])
  })

  it('smoothed cross entropy has no gradient where softmax is the smoothed label', async () => {
    // ε = 0.3: q = [0.8, 0.1, 0.1]; the loss there is the entropy of q.
    const q = [0.8, 0.1, 0.1]
    const logits = floats([2, 3], ...q.map(Math.log), ...[...q].reverse().map(Math.log))
    const { loss, gradient } = await lossOf(
      { kind: 'crossEntropy', of: 'y', smoothing: 0.3 },
      logits,
      labels(0, 2),
    )
    expect(loss).toBeCloseTo(-q.reduce((sum, p) => sum + p * Math.log(p), 0), 5)
    close(gradient, ZEROS)
  })

  it('binary cross entropy has no gradient where σ(x) is the label', async () => {
    const p = [0.5, 0.2, 0.9, 0.5, 0.3, 0.7]
    const logits = floats([2, 3], ...p.map(v => Math.log(v / (1 - v))))
    close(
      (await lossOf({ kind: 'binaryCrossEntropy', of: 'y' }, logits, floats([2, 3], ...p))).gradient,
      ZEROS,
    )
    const sure = await lossOf(
      { kind: 'binaryCrossEntropy', of: 'y' },
      floats([1, 3], 90, -90, 90),
      floats([1, 3], 1, 0, 1),
    )
    expect(sure.loss).toBeCloseTo(0, 6)
  })

  it.each([
    { kind: 'meanSquared', of: 'y' },
    { kind: 'huber', of: 'y', delta: 0.5 },
    { kind: 'distillation', of: 'y', temperature: 3 },
  ] as const)('$kind is zero at its target, and nowhere near it', async loss => {
    const same = await lossOf(loss, x, x)
    expect(same.loss).toBeCloseTo(0, 6)
    close(same.gradient, ZEROS)
    const other = await lossOf(loss, x, floats([2, 3], 3, 1, 0, -1, 0, 2))
    expect(other.loss).toBeGreaterThan(0.1)
  })

  it('give the values of their formulas', async () => {
    const zero = floats([1, 3], 0, 0, 0)
    const far = floats([1, 3], 0.4, -2, 0)
    // (0.16 + 4 + 0)/3, and (0.08 + 1·(2 − ½) + 0)/3
    expect((await lossOf({ kind: 'meanSquared', of: 'y' }, far, zero)).loss).toBeCloseTo(4.16 / 3, 6)
    expect((await lossOf({ kind: 'huber', of: 'y' }, far, zero)).loss).toBeCloseTo(1.58 / 3, 6)
    // The gradient of T²·KL is T·(softmax(x/T) − softmax(t/T)).
    const t = floats([1, 3], 2, 0, 0)
    const e = Math.exp(1)
    const { gradient } = await lossOf({ kind: 'distillation', of: 'y', temperature: 2 }, zero, t)
    close(
      gradient,
      [e, 1, 1].map(v => 2 * (1 / 3 - v / (e + 2))),
    )
  })

  it('add up with weights', async () => {
    const graph = await addLosses(model, [
      { loss: { kind: 'crossEntropy', of: 'y' }, weight: 0.25 },
      { loss: { kind: 'meanSquared', of: 'y' }, weight: 2 },
    ])
    const feeds = { x, [targetName(0)]: labels(0, 1), [targetName(1)]: floats([2, 3], ...ZEROS) }
    const total = Number((await runOnce(graph, feeds))[LOSS]?.data[0])
    const a = await lossOf({ kind: 'crossEntropy', of: 'y' }, x, labels(0, 1))
    const b = await lossOf({ kind: 'meanSquared', of: 'y' }, x, floats([2, 3], ...ZEROS))
    expect(total).toBeCloseTo(0.25 * a.loss + 2 * b.loss, 5)
  })

  it('refuse what cannot be', async () => {
    const refused = (loss: Loss) => addLosses(model, [{ loss }])
    await expect(refused({ kind: 'meanSquared', of: 'z' })).rejects.toThrow(
      'The loss cannot be taken: z is not a value of the model with a known shape.',
    )
    await expect(refused({ kind: 'crossEntropy', of: 'y', smoothing: 1 })).rejects.toThrow(
      'Label smoothing must be at least 0 and below 1.',
    )
    await expect(refused({ kind: 'distillation', of: 'y', temperature: 0 })).rejects.toThrow(
      'The temperature must be above 0.',
    )
    await expect(refused({ kind: 'huber', of: 'y', delta: -1 })).rejects.toThrow(
      'The delta of the Huber loss must be above 0.',
    )
    await expect(addLosses(model, [])).rejects.toThrow('A loss needs at least one part.')
  })
})
