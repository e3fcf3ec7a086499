import { describe, expect, it } from 'vitest'
import type { Device } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { Random } from '../data/random'
import { makeModel } from '../onnx/build'
import { openOn } from './device'
import { openTried, type Provable } from './proof'
import type { StepRequest } from './step'

type Gradients = Record<string, number[]>

/** A step that gives these gradients, moves its statistics, and remembers what was done with it. */
class FakeStep implements Provable {
  readonly statistics = new Map([['mean', Float32Array.of(0.5)]])
  readonly found = new Map<string, Float32Array>()
  readonly optimizer = { gradients: (name: string) => this.found.get(name) ?? new Float32Array() }
  readonly draws: number[] = []
  closed = 0

  constructor(
    readonly device: Device,
    private readonly values: Gradients | Error,
  ) {}

  async gradients(_feeds: unknown, random: Random): Promise<void> {
    this.draws.push(random.unit())
    if (this.values instanceof Error) throw this.values
    for (const [name, data] of Object.entries(this.values)) this.found.set(name, Float32Array.from(data))
    this.statistics.get('mean')?.fill(7)
  }

  async close(): Promise<void> {
    this.closed++
  }
}

/** Tries webgpu with these gradients (or what goes wrong there) beside those of the processor, and falls back. */
async function train(
  there: Gradients | Error,
  here: Gradients,
  o: { refused?: Error; device?: Device } = {},
) {
  const { device = 'webgpu', refused } = o
  const notes: string[] = []
  const made: FakeStep[] = []
  const request = (on: Device): StepRequest => ({
    model: makeModel({ nodes: [], inputs: [], outputs: [], initializers: [], opset: 17 }),
    loss: 'loss',
    parts: [],
    wrt: Object.keys(here),
    optimizer: { kind: 'sgd' },
    shapes: {},
    frozenStatistics: false,
    scaled: false,
    device: on,
    threads: 1,
  })
  const open = async (wanted: StepRequest) => {
    if (wanted.device !== 'cpu' && refused) throw refused
    const step = new FakeStep(wanted.device, wanted.device === 'cpu' ? here : there)
    made.push(step)
    return step
  }
  const trial = { feeds: async () => ({}), random: () => new Random(3) }
  const step = await openOn(device, 'The training', notes, on => openTried(request(on), trial, open))
  return { step, notes, made }
}

const RIGHT = { large: [3, -4], small: [0.01, 0.02] }

describe('a device tried beside the processor', () => {
  it('trains where its gradients are right, with statistics as they were and the same draws', async () => {
    const { step, notes, made } = await train({ large: [3.01, -4], small: [0.01, 0.0201] }, RIGHT)
    expect(step.device).toBe('webgpu')
    expect(notes).toEqual([])
    expect(step.statistics.get('mean')).toEqual(Float32Array.of(0.5))
    expect(made.map(m => [m.device, m.closed])).toEqual([
      ['webgpu', 0],
      ['cpu', 1],
    ])
    expect(made[0]?.draws).toEqual(made[1]?.draws)
  })

  it('is left for the processor, untried there, when the gradients as a whole are wrong', async () => {
    const { step, notes, made } = await train({ large: [3, 4], small: [0.01, 0.02] }, RIGHT)
    expect(step.device).toBe('cpu')
    expect(notes).toEqual([
      'The training could not run on webgpu and ran on the processor: On a first batch the gradient of large differs from the processor’s by 160 %.',
    ])
    expect(made.map(m => [m.device, m.closed])).toEqual([
      ['webgpu', 1],
      ['cpu', 1],
      ['cpu', 0],
    ])
    expect(step.draws).toEqual([])
  })

  it('is refused for one small weight that is wrong, by its name', async () => {
    const { step, notes } = await train({ large: [3, -4], small: [0.02, 0.01] }, RIGHT)
    expect(step.device).toBe('cpu')
    expect(notes).toEqual([
      expect.stringContaining('the gradient of small differs from the processor’s by 63 %'),
    ])
  })

  it('is not judged by a weight whose gradient is nothing but rounding', async () => {
    const here = { ...RIGHT, rounding: [1e-9, 0] }
    const { step } = await train({ ...RIGHT, rounding: [-3e-4, 1e-4] }, here)
    expect(step.device).toBe('webgpu')
  })

  it('is refused when many such weights make the whole wrong', async () => {
    const { notes } = await train({ large: [3, -4], none: [1, 0] }, { large: [3, -4], none: [0, 0] })
    expect(notes).toEqual([expect.stringContaining('its gradient differs from the processor’s by 20 %')])
  })

  it('is refused when it alone is not finite, not when neither is', async () => {
    const wrong = await train({ ...RIGHT, large: [Number.NaN, 0] }, RIGHT)
    expect(wrong.notes).toEqual([
      expect.stringContaining('the gradient of large is not finite, on the processor it is'),
    ])
    const both = await train({ w: [Number.NaN] }, { w: [Number.POSITIVE_INFINITY] })
    expect(both.step.device).toBe('webgpu')
  })

  it('is trusted where no gradient is left at all', async () => {
    expect((await train({ w: [0, 0] }, { w: [0, 0] })).step.device).toBe('webgpu')
  })

  it('is left for the processor when it cannot run the step', async () => {
    const failure = new BantamError('bad-model', 'ONNX Runtime could not run the model: no kernel')
    const { step, notes, made } = await train(failure, RIGHT)
    expect(step.device).toBe('cpu')
    expect(notes).toEqual([
      'The training could not run on webgpu and ran on the processor: ONNX Runtime could not run the model: no kernel',
    ])
    expect(made[0]?.closed).toBe(1)
  })

  it('is left for the processor when it is not there', async () => {
    const refused = new BantamError('unsupported', 'The device webgpu is not available: no adapter')
    const { step, notes, made } = await train(RIGHT, RIGHT, { refused })
    expect(step.device).toBe('cpu')
    expect(notes).toEqual([expect.stringMatching(/ran on the processor: The device webgpu is not available/)])
    expect(made).toHaveLength(1)
  })

  it('is not replaced when the run was cancelled, or when something of Bantam itself broke', async () => {
    const cancelled = new BantamError('cancelled', 'Cancelled.')
    await expect(train(RIGHT, RIGHT, { refused: cancelled })).rejects.toBe(cancelled)
    const broken = new TypeError('x is not a function')
    await expect(train(broken, RIGHT)).rejects.toBe(broken)
  })

  it('is the processor where that was asked for: nothing is tried', async () => {
    const { step, notes, made } = await train(RIGHT, RIGHT, { device: 'cpu' })
    expect([step.device, notes, made.length, step.draws.length]).toEqual(['cpu', [], 1, 0])
  })
})
