/** What the tests of losses share: their value and gradients, and finite differences. Imported by tests only. */
import { expect } from 'vitest'
import { FeatureLoss, HardLoss, type LossSpec, ResponseLoss } from '../../../shared/training'
import { type Precision, runOnce, TOLERANCE, tensorOf } from '../../autodiff/conformance'
import { gradientGraph } from '../../autodiff/gradient'
import { addLosses, LOSS, type LossPart, type WithLosses } from '../../autodiff/losses'
import { gradientName } from '../../autodiff/prepare'
import { weightFeeds } from '../../autodiff/testing'
import { Random } from '../../data/random'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import type { Model } from '../../onnx/model'
import { elementCount, type Tensor, toNumbers } from '../../runtime/tensor'

/** A loss with the defaults of its schema. */
export function spec(loss: { kind: LossSpec['kind'] } & Record<string, unknown>): LossSpec {
  const named = { student: 'y', teacher: 't', ...loss }
  for (const schema of [HardLoss, ResponseLoss, FeatureLoss]) {
    const parsed = schema.safeParse(named)
    if (parsed.success) return parsed.data
  }
  throw new Error(`no loss: ${JSON.stringify(loss)}`)
}

export interface Given extends Omit<LossPart, 'loss' | 'teacher'> {
  loss: { kind: LossSpec['kind'] } & Record<string, unknown>
  x: Tensor
  /** The teacher's value, if the loss takes one. */
  t?: Tensor
  /** Labels or target values. */
  y?: Tensor
  /** Leaves the batch open; true when absent. */
  open?: boolean
}

/** y = x, so that the gradient of the loss by x is that by the student's value. */
export function identityModel(x: Tensor, open = true): Model {
  const shape = [open ? 'n' : (x.dims[0] ?? 1), ...x.dims.slice(1)]
  return makeModel({
    nodes: [makeNode('Identity', ['x'], ['y'])],
    inputs: [makeValue('x', x.type, shape)],
    outputs: [makeValue('y', x.type, shape)],
  })
}

export async function withLoss({ loss, x, t, y: _, open, ...part }: Given): Promise<WithLosses> {
  const teacher = t && {
    name: 't',
    type: t.type,
    shape: [open === false ? (t.dims[0] ?? 1) : 'm', ...t.dims.slice(1)],
  }
  return addLosses(identityModel(x, open), [
    { of: 'y', loss: spec(loss), ...(teacher ? { teacher } : {}), ...part },
  ])
}

function feedsOf(given: Given, added: WithLosses): Record<string, Tensor> {
  const targets = added.parts.flatMap(part => part.targets)
  return Object.fromEntries([
    ['x', given.x],
    ...targets.map(target => [target.input, target.from === 'teacher' ? given.t : given.y]),
  ]) as Record<string, Tensor> // tests give what the loss takes
}

/** The loss and its gradients by x and by the projectors' weights. */
export async function lossOf(given: Given): Promise<{ loss: number; gradients: Record<string, number[]> }> {
  const added = await withLoss(given)
  const wrt = ['x', ...added.projectors]
  const graph = await gradientGraph(added.model, { loss: LOSS, wrt })
  const out = await runOnce(graph, {
    ...feedsOf(given, added),
    ...weightFeeds(added.model, added.projectors),
  })
  const gradients = wrt.map(name => [name, [...toNumbers(out[gradientName(name)] as Tensor)]]) // asked for
  return { loss: Number(out[LOSS]?.data[0]), gradients: Object.fromEntries(gradients) }
}

/** Random numbers in [−1, 1). */
export function randomTensor(dims: number[], seed: number, type: Precision = 'float64'): Tensor {
  const random = new Random(seed)
  return tensorOf(
    type,
    dims,
    Array.from({ length: elementCount(dims) }, () => 2 * random.unit() - 1),
  )
}

/** The gradients agree with central differences of order h⁴ along a random direction. */
export async function expectGradient(given: Given): Promise<void> {
  const type = given.x.type as Precision // made by randomTensor
  const added = await withLoss(given)
  const { gradients } = await lossOf(given)
  const at = { x: given.x, ...weightFeeds(added.model, added.projectors) }
  const random = new Random(3)
  const direction = Object.fromEntries(
    Object.entries(at).map(([name, tensor]) => [
      name,
      [...toNumbers(tensor)].map(() => 2 * random.unit() - 1),
    ]),
  )
  const along = async (step: number): Promise<number> => {
    const moved = Object.fromEntries(
      Object.entries(at).map(([name, tensor]) => [
        name,
        tensorOf(
          type,
          tensor.dims,
          [...toNumbers(tensor)].map((v, i) => v + step * (direction[name]?.[i] ?? 0)),
        ),
      ]),
    )
    const graph = await gradientGraph(added.model, { loss: LOSS, wrt: Object.keys(at) })
    return Number((await runOnce(graph, { ...feedsOf(given, added), ...moved }))[LOSS]?.data[0])
  }
  const h = type === 'float64' ? 2 ** -11 : 2 ** -6
  const slope =
    ((await along(-2 * h)) - 8 * (await along(-h)) + 8 * (await along(h)) - (await along(2 * h))) / (12 * h)
  const pairs = Object.entries(gradients).flatMap(([name, values]) =>
    values.map((v, i) => [v, direction[name]?.[i] ?? 0] as const),
  )
  const inner = pairs.reduce((sum, [g, d]) => sum + g * d, 0)
  const norm = Math.hypot(...pairs.map(([g]) => g))
  expect(norm).toBeGreaterThan(0)
  expect(Math.abs(inner - slope) / Math.max(Math.abs(slope), norm)).toBeLessThan(TOLERANCE[type])
}

/** What every loss of a student against its teacher must do. `reference` is the formula, written plainly. */
export async function expectLoss(given: Given, reference: number): Promise<void> {
  // ONNX Runtime keeps factors that it fuses into a MatMul in single precision, whatever the type of the values.
  const digits = given.x.type === 'float64' ? 7 : 5
  expect(reference).toBeGreaterThan(1e-3)
  expect((await lossOf(given)).loss).toBeCloseTo(reference, digits)
  expect((await lossOf({ ...given, open: false })).loss).toBeCloseTo(reference, digits)
  await expectGradient(given)
}

/** Zero, and no gradient, where the student's value is the teacher's. */
export async function expectZero(given: Given): Promise<void> {
  const { loss, gradients } = await lossOf(given)
  expect(Math.abs(loss)).toBeLessThan(1e-9)
  for (const g of gradients.x ?? []) expect(Math.abs(g)).toBeLessThan(1e-7)
}

/** A tensor as nested rows: [N, …] → N lists. */
export function rowsOf(t: Tensor): number[][] {
  const data = [...toNumbers(t)]
  const width = data.length / (t.dims[0] ?? 1)
  return Array.from({ length: t.dims[0] ?? 1 }, (_, i) => data.slice(i * width, (i + 1) * width))
}

export const average = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length
export const dot = (a: readonly number[], b: readonly number[]) =>
  a.reduce((sum, v, i) => sum + v * (b[i] ?? Number.NaN), 0)

export function softmax(z: readonly number[]): number[] {
  const e = z.map(Math.exp)
  const all = e.reduce((a, b) => a + b, 0)
  return e.map(v => v / all)
}

export function kl(p: readonly number[], q: readonly number[]): number {
  return p.reduce((sum, v, i) => sum + v * Math.log(v / (q[i] ?? Number.NaN)), 0)
}
