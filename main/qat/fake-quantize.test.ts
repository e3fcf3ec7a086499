import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { runOnce } from '../autodiff/conformance'
import { gradientGraph } from '../autodiff/gradient'
import { gradientName } from '../autodiff/prepare'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { makeTensor } from '../onnx/tensor'
import type { Tensor } from '../runtime/tensor'
import { addFakeQuantize } from './fake-quantize'
import { addStepSize, stepFactor, stepSizes } from './step-size'

/** Made by `bench/qat-goldens.py`. */
interface Golden {
  shape: number[]
  axis: number | null
  zero: number
  low: number
  high: number
  /** Values that share a step. */
  values: number
  x: number[]
  u: number[]
  scale: number[]
  y: number[]
  straight: number[]
  learned: number[]
  step: number[]
}
const goldens = JSON.parse(readFileSync(new URL('./goldens.json', import.meta.url), 'utf8')) as Record<
  string,
  Golden
>

const float = (dims: number[], values: readonly number[]): Tensor => ({
  type: 'float32',
  dims,
  data: Float32Array.from(values),
})

function floats(out: Record<string, Tensor>, name: string): number[] {
  const tensor = out[name]
  if (!tensor) throw new Error(`no ${name}`)
  return [...(tensor.data as Float32Array)]
}

/** y = fake-quantized x, loss = Σ u·y, by x and, with `learned`, by the parameter of the step. */
async function differentiate(g: Golden, learned: boolean) {
  const model = makeModel({
    nodes: [],
    inputs: [makeValue('x', 'float32', g.shape), makeValue('u', 'float32', g.shape)],
    outputs: [makeValue('loss', 'float32', [])],
    initializers: [],
    opset: 17,
  })
  const { graph } = model
  const factor = stepFactor(g.values, Math.max(g.high - g.zero, g.zero - g.low))
  let scale = 's'
  if (learned) scale = addStepSize(model, { parameter: 'v', start: g.scale, factor })
  else graph.setInitializer(makeTensor('s', 'float32', [g.scale.length], Float32Array.from(g.scale)))
  const shape = g.shape.map((_, i) => (i === g.axis ? g.scale.length : 1))
  graph.setInitializer(makeTensor('shape', 'int64', [shape.length], shape.map(BigInt)))
  graph.add(makeNode('Reshape', [scale, 'shape'], ['scales']))
  const codes = { min: g.low, max: g.high }
  const y = addFakeQuantize(model, 'x', { scale: 'scales', zeroPoint: g.zero, codes })
  graph.add(makeNode('Mul', [y, 'u'], ['product']))
  graph.add(makeNode('ReduceSum', ['product'], ['loss'], { keepdims: 0n }))
  const wrt = learned ? ['x', 'v'] : ['x']
  const backward = await gradientGraph(model, { loss: 'loss', wrt, outputs: [y] })
  const v: Record<string, Tensor> = learned
    ? {
        v: float(
          [g.scale.length],
          g.scale.map(() => 0),
        ),
      }
    : {}
  const out = await runOnce(backward, { x: float(g.shape, g.x), u: float(g.shape, g.u), ...v })
  const values = (name: string) => floats(out, name)
  return {
    y: values(y),
    x: values(gradientName('x')),
    step: learned ? values(gradientName('v')).map(d => d * factor) : [],
  }
}

const largest = (values: readonly number[]) => Math.max(...values.map(Math.abs))

/** `size`: of what was added up, where terms cancel. */
function close(found: readonly number[], expected: readonly number[], size = largest(expected)): void {
  expect(found).toHaveLength(expected.length)
  found.forEach((value, i) => {
    expect(Math.abs(value - (expected[i] ?? Number.NaN))).toBeLessThan(2e-6 * size)
  })
}

describe('fake quantization has the values and gradients of PyTorch', () => {
  it.each(Object.entries(goldens))('%s', async (_, golden) => {
    const fixed = await differentiate(golden, false)
    close(fixed.y, golden.y)
    close(fixed.x, golden.straight)
    // Some saturate, most do not: both halves of the rule were seen.
    expect(golden.straight.filter(d => d === 0).length).toBeGreaterThan(0)
    expect(golden.straight.filter(d => d !== 0).length).toBeGreaterThan(golden.x.length / 3)
    const learned = await differentiate(golden, true)
    close(learned.y, golden.y)
    close(learned.x, golden.learned)
    // √g·∂L/∂v = g·∂L/∂s, what LSQ steps by.
    // x/s is rounded to float32 before its fraction is taken.
    const terms = Math.sqrt(golden.values / (golden.high - golden.zero))
    close(learned.step, golden.step, 10 * Math.max(terms, largest(golden.step)))
  })
})

describe('by hand', () => {
  const golden: Golden = {
    shape: [6],
    axis: null,
    zero: 2,
    low: 0,
    high: 7,
    values: 6,
    // x/s: 0.4, 0.6, 2.5 (to even), 5.4 (code 7), 5.6 (saturates above), −3 (saturates below)
    x: [0.2, 0.3, 1.25, 2.7, 2.8, -1.5],
    u: [1, 2, 3, 4, 5, 6],
    scale: [0.5],
    y: [],
    straight: [],
    learned: [],
    step: [],
  }

  it('rounds half to even, saturates, and lets gradients through within the range', async () => {
    const { y, x } = await differentiate(golden, false)
    expect(y).toEqual([0, 0.5, 1, 2.5, 2.5, -1])
    expect(x).toEqual([1, 2, 3, 4, 0, 0])
  })

  it('moves the step by round(x/s) − x/s within the range and by the bound outside', async () => {
    const { step } = await differentiate(golden, true)
    const slope = 1 * (0 - 0.4) + 2 * (1 - 0.6) + 3 * (2 - 2.5) + 4 * (5 - 5.4) + 5 * 5 + 6 * -2
    expect(step[0]).toBeCloseTo(slope / Math.sqrt(6 * 5), 4)
  })
})

it('leaves a Round of a model flat', async () => {
  const model = makeModel({
    nodes: [
      makeNode('Round', ['x'], ['r']),
      makeNode('Add', ['r', 'x'], ['s']),
      makeNode('ReduceSum', ['s'], ['loss'], { keepdims: 0n }),
    ],
    inputs: [makeValue('x', 'float32', [3])],
    outputs: [makeValue('loss', 'float32', [])],
    initializers: [],
    opset: 17,
  })
  const graph = await gradientGraph(model, { loss: 'loss', wrt: ['x'] })
  const out = await runOnce(graph, { x: float([3], [0.4, 1.2, -2]) })
  expect(floats(out, gradientName('x'))).toEqual([1, 1, 1])
})

describe('steps', () => {
  it('are what the graph computes, and never less than a sixteenth of the first', async () => {
    const step = { parameter: 'v', start: [0.1, 0.003, 0.2].map(Math.fround), factor: stepFactor(100, 127) }
    const v = [0.37, -0.011, -9]
    const model = makeModel({
      nodes: [],
      inputs: [],
      outputs: [],
      initializers: [],
      opset: 17,
    })
    const name = addStepSize(model, step)
    model.graph.setInitializer(makeTensor('v', 'float32', [3], Float32Array.from(v)))
    model.graph.proto.output = [makeValue(name, 'float32', [3])]
    const out = await runOnce(model, {})
    expect(floats(out, name)).toEqual(stepSizes(step, v))
    expect(stepSizes(step, v)[2]).toBe(Math.fround(Math.fround(0.2) / 16))
  })
})
