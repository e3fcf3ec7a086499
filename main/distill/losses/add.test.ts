import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { FEATURE_LOSSES } from '../../../shared/training'
import { runOnce } from '../../autodiff/conformance'
import { gradientGraph } from '../../autodiff/gradient'
import { addLosses, LOSS, type LossPart, partName } from '../../autodiff/losses'
import { gradientName, runningStatistics } from '../../autodiff/prepare'
import { weightFeeds } from '../../autodiff/testing'
import { Random } from '../../data/random'
import { makeModel, makeNode, makeValue } from '../../onnx/build'
import { checkModel } from '../../onnx/check'
import { copyModel } from '../../onnx/copy'
import type { Model } from '../../onnx/model'
import { readModel } from '../../onnx/read'
import { makeTensor, tensorCount } from '../../onnx/tensor'
import { type Tensor, toNumbers } from '../../runtime/tensor'
import { type FeatureTensor, featureTensors } from '../tensors'
import { shapesOf } from '../tensors-shapes'
import { spec } from './testing'

const file = (path: string) => readModel(fileURLToPath(new URL(`../../../${path}`, import.meta.url)))

/** Every kind of loss on the second tensor that takes it, against the same tensor of the teacher. */
function partsOf(tensors: readonly FeatureTensor[]): LossPart[] {
  return FEATURE_LOSSES.flatMap(kind => {
    const tensor = tensors.filter(t => !t.passing && t.losses.includes(kind))[1]
    if (!tensor) return []
    const { name, shape } = tensor
    const loss = spec({ kind, student: name, teacher: name })
    return [{ loss, teacher: { name, type: 'float32', shape: [...shape] } }]
  })
}

async function valuesOf(model: Model, names: readonly string[], feeds: Record<string, Tensor>) {
  const copy = copyModel(model)
  copy.graph.proto.output = [...new Set(names)].map(name => makeValue(name, 'float32', null))
  return runOnce(copy, feeds)
}

/** Float weights that are read by nodes. */
function weightsOf(model: Model): string[] {
  const statistics = new Set(runningStatistics(model))
  return [...model.graph.initializers()]
    .filter(t => t.dataType === 1 && t.dims.length > 0 && tensorCount(t) > 0 && !statistics.has(t.name))
    .map(t => t.name)
}

function inputs(model: Model, batch: number, seed: number): Record<string, Tensor> {
  const random = new Random(seed)
  const floats = (dims: number[], make: () => number): Tensor => ({
    type: 'float32',
    dims,
    data: Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, make),
  })
  if (!model.graph.inputNames.includes('ids'))
    return { x: floats([batch, 3, 8, 8], () => 20 * random.unit() - 10) }
  const ids = BigInt64Array.from({ length: batch * 5 }, () => BigInt(random.below(20)))
  return { ids: { type: 'int64', dims: [batch, 5], data: ids }, mask: floats([batch, 5], () => 1) }
}

describe('every kind of loss in an exported net', () => {
  it.each(['transformer.dynamo', 'transformer.torchscript', 'convolutions.torchscript'])(
    '%s: zero where the student is the teacher, with gradients that are numbers elsewhere, for any batch',
    async name => {
      const model = await file(`main/onnx/fixtures/${name}.onnx`)
      const parts = partsOf(await featureTensors(model))
      const logits = (await shapesOf(model)).get('y')
      if (logits) parts.push({ loss: spec({ kind: 'kd', temperature: 1 }), of: 'y', teacher: logits })
      const added = await addLosses(model, parts)
      checkModel(added.model)
      expect(added.parts.length).toBe(name.startsWith('transformer') ? 7 : 5)
      expect(added.projectors).toEqual([])
      // The student leads to every loss; only some of its weights are trained here.
      const wrt = weightsOf(model).filter(w => /head|embed|stem/.test(w) && w.endsWith('weight'))
      const outputs = added.parts.map(part => part.output)
      const graph = await gradientGraph(added.model, { loss: LOSS, wrt, outputs, training: false })
      // Relations of two samples are always the same: three are the fewest that can differ.
      for (const batch of [3, 5]) {
        const feeds = { ...inputs(model, batch, 1), ...weightFeeds(model, wrt) }
        const targets = async (given: Record<string, Tensor>) => {
          const names = parts.map(part => part.teacher?.name ?? '')
          const values = await valuesOf(model, names, given)
          return Object.fromEntries(
            added.parts.map((part, i) => [part.targets[0]?.input ?? '', values[names[i] ?? ''] as Tensor]),
          )
        }
        const same = await runOnce(graph, { ...feeds, ...(await targets(inputs(model, batch, 1))) })
        for (const output of outputs) expect(Math.abs(Number(same[output]?.data[0]))).toBeLessThan(1e-5)
        const other = await runOnce(graph, { ...feeds, ...(await targets(inputs(model, batch, 2))) })
        for (const output of outputs) expect(Number(other[output]?.data[0])).toBeGreaterThan(1e-6)
        for (const w of wrt)
          expect([...toNumbers(other[gradientName(w)] as Tensor)].every(Number.isFinite), w).toBe(true)
      }
    },
  )
})

describe('sizes that are only known at run time', () => {
  const model = makeModel({
    nodes: [makeNode('Conv', ['x', 'w'], ['y'], { kernel_shape: [1n, 1n] })],
    inputs: [makeValue('x', 'float32', ['n', 2, 'h', 'w'])],
    outputs: [makeValue('y', 'float32', null)],
    initializers: [makeTensor('w', 'float32', [3, 2, 1, 1], [1, 2, -1, 0.5, 0, 1])],
  })
  const teacher = { name: 't', type: 'float32', shape: ['n', 3, 'h2', 'w2'] }

  it('have the teacher interpolated to the student', async () => {
    for (const kind of ['hint', 'attention'] as const) {
      const added = await addLosses(model, [{ loss: spec({ kind }), teacher }])
      const graph = await gradientGraph(added.model, {
        loss: LOSS,
        wrt: ['w'],
        outputs: [partName(0)],
        shapes: { x: ['n', 2, 4, 4] },
      })
      const x: Tensor = { type: 'float32', dims: [1, 2, 4, 4], data: new Float32Array(32).fill(1) }
      // The student's maps are 3, −0.5 and 1 everywhere; so are the teacher's, at half the size.
      const t: Tensor = {
        type: 'float32',
        dims: [1, 3, 2, 2],
        data: Float32Array.from([3, 3, 3, 3, -0.5, -0.5, -0.5, -0.5, 1, 1, 1, 1]),
      }
      const feeds = { x, [added.parts[0]?.targets[0]?.input ?? '']: t, ...weightFeeds(model, ['w']) }
      const out = await runOnce(graph, feeds)
      expect(Number(out[LOSS]?.data[0])).toBeCloseTo(0, 6)
      t.data[0] = 5
      expect(Number((await runOnce(graph, feeds))[LOSS]?.data[0])).toBeGreaterThan(1e-3)
    }
  })
})

it('projectors are trained along, and can be dropped', async () => {
  const student = await file('samples/digits-teacher.onnx')
  const name = 'relu2'
  const part = (channels: number): LossPart => ({
    loss: spec({ kind: 'hint', student: name, teacher: 't' }),
    teacher: { name: 't', type: 'float32', shape: ['n', channels, 7, 7] },
  })
  const added = await addLosses(student, [part(64), part(96)], { seed: 3 })
  expect(added.projectors).toEqual(['bantam/projector/1/weight', 'bantam/projector/1/bias'])
  expect(student.graph.initializer('bantam/projector/1/weight')).toBeUndefined()
  const wrt = ['conv2.weight_folded', ...added.projectors]
  const graph = await gradientGraph(added.model, { loss: LOSS, wrt })
  const shape = (w: string) => graph.graph.proto.output.find(o => o.name === gradientName(w))?.type?.value
  expect(wrt.map(w => shape(w)?.value)).toHaveLength(3)
  const other = await addLosses(student, [part(64), part(96)], { seed: 4 })
  const weight = (from: typeof added) => from.model.graph.initializer('bantam/projector/1/weight')?.rawData
  expect(weight(other)).not.toEqual(weight(added))
})
