/**
 * Training on WebGPU, here over a driver that computes on the processor. The project `webgpu` of vitest.config.ts runs
 * this file in a process of its own that has the driver in its environment from the start.
 */
import { existsSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import type { Device } from '../../shared/domain'
import { HardLoss } from '../../shared/training'
import { addLosses, LOSS } from '../autodiff/losses'
import { trainable } from '../autodiff/trainable'
import type { Dataset } from '../data/dataset'
import { Random } from '../data/random'
import { memoryDataset } from '../measure/testing'
import { modelInputs } from '../onnx/inputs'
import type { Model } from '../onnx/model'
import { elementCount, type Tensor } from '../runtime/tensor'
import { TrainingStep } from './step'
import { fineTuned, spiralNet, trainingContext } from './testing'
import { plainConvNet, residualNet, transformerNet } from './webgpu-nets'

const driver = process.env.VK_ICD_FILENAMES
const there = driver !== undefined && existsSync(driver)
if (!there) console.warn('Skipped: training on WebGPU. No Chromium with libvk_swiftshader.so was found.')

const contexts: ReturnType<typeof trainingContext>[] = []
afterEach(() => {
  for (const one of contexts.splice(0)) one.clean()
})

const BATCH = 4

/** Sizes of a sample of a net. */
function sampleShape(net: Model): number[] {
  return (modelInputs(net)[0]?.shape ?? []).slice(1).map(Number)
}

function numbers(count: number): Float32Array {
  const random = new Random(9)
  return Float32Array.from({ length: count }, () => 2 * random.unit() - 1)
}

/** Gradients of all weights for one batch. */
async function gradients(
  net: Model,
  device: Device,
): Promise<{ loss: number; of: Map<string, Float32Array> }> {
  const loss = HardLoss.parse({ kind: 'cross-entropy' })
  const { model, parts } = await addLosses(net, [{ loss, of: 'logits', labels: 'index' }])
  const wrt = await trainable(model, LOSS)
  const dims = [BATCH, ...sampleShape(net)]
  const step = await TrainingStep.open({
    model,
    loss: LOSS,
    parts: [],
    wrt,
    optimizer: { kind: 'sgd' },
    shapes: { x: dims },
    frozenStatistics: false,
    scaled: false,
    device,
    threads: 1,
  })
  try {
    const labels: Tensor = { type: 'int64', dims: [BATCH], data: BigInt64Array.of(0n, 2n, 1n, 2n) }
    const x: Tensor = { type: 'float32', dims, data: numbers(elementCount(dims)) }
    const out = await step.gradients({ x, [parts[0]?.targets[0]?.input ?? '']: labels }, new Random(1))
    return { loss: out.loss, of: new Map(wrt.map(name => [name, step.optimizer.gradients(name).slice()])) }
  } finally {
    await step.close()
  }
}

/** ‖∇webgpu − ∇cpu‖ / ‖∇cpu‖. */
async function error(net: Model): Promise<number> {
  const here = await gradients(net, 'cpu')
  const found = await gradients(net, 'webgpu')
  let [difference, norm] = [0, 0]
  for (const [name, values] of here.of) {
    const other = found.of.get(name) ?? []
    values.forEach((v, i) => {
      difference += (v - (other[i] ?? Number.NaN)) ** 2
      norm += v * v
    })
  }
  expect(norm).toBeGreaterThan(1e-6)
  return Math.sqrt(difference / norm)
}

/** Pictures of noise, brighter in the first channel by their class. */
function pictures(net: Model, count: number): Dataset {
  const shape = sampleShape(net)
  const size = elementCount(shape)
  const [channels = 1] = shape
  const values = numbers(count * size)
  const labels = Array.from({ length: count }, (_, i) => i % 3)
  for (const [i, label] of labels.entries())
    for (let k = 0; k < size / channels; k++) values[i * size + k] = (values[i * size + k] ?? 0) + label
  return memoryDataset({
    inputs: { x: { shape, values } },
    labels,
    task: 'classification',
    classes: ['a', 'b', 'c'],
  })
}

function train(device: Device, net?: Model) {
  const run = trainingContext()
  contexts.push(run)
  return fineTuned(
    { epochs: 2, batch: 16, learningRate: 0.01 },
    {
      context: run.context,
      device,
      ...(net ? { model: net, dataset: pictures(net, 48) } : {}),
    },
  )
}

describe.skipIf(!there)('training on WebGPU', () => {
  it.each([
    ['a perceptron', () => spiralNet()],
    ['a residual convolution net with batch normalization', residualNet],
    ['a transformer block', transformerNet],
  ])('gives the gradients of the processor: %s', async (_, net) => {
    expect(await error(net())).toBeLessThan(1e-4)
  })

  it('learns as on the processor', async () => {
    const here = await train('cpu')
    const { record, plan } = await train('webgpu')
    expect(record.notes).toEqual([])
    expect(record.device).toBe('webgpu')
    expect(plan.decisions.device).toBe('webgpu')
    expect(plan.notes.map(n => n.code)).toEqual(['device-tried'])
    const losses = (r: typeof record) => r.epochs.map(e => e.loss)
    expect(losses(record)).toHaveLength(2)
    losses(record).forEach((loss, i) => {
      expect(loss).toBeCloseTo(losses(here.record)[i] ?? Number.NaN, 4)
    })
  })

  it('ends on the processor where a kernel there is wrong', async () => {
    const net = plainConvNet(6)
    const wrong = (await error(net)) > 0.05
    console.info(`The 3×3 convolution of 6 channels is ${wrong ? 'wrong' : 'right'} on WebGPU here.`)
    const { record, plan } = await train('webgpu', net)
    expect(plan.decisions.device).toBe('webgpu')
    expect(record.device).toBe(wrong ? 'cpu' : 'webgpu')
    expect(record.notes).toEqual(
      wrong
        ? [
            expect.stringMatching(
              /^The training could not run on webgpu and ran on the processor: On a first batch .+ differs from the processor’s by \d+/,
            ),
          ]
        : [],
    )
  })
})
