/**
 * Automatic choice of what stays in float32: each group of nodes is measured alone in half precision, and the costliest
 * stay until the answers of all others together are close enough to the float32 model's.
 */
import type { NodeProto } from 'onnx-buf'
import type { Note } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import { breathe, type TaskContext, within } from '../../jobs/context'
import { describeNode } from '../../onnx/graph'
import type { Model } from '../../onnx/model'
import { dataTypeName } from '../../onnx/tensor'
import type { Session } from '../../runtime/session'
import type { Tensor } from '../../runtime/tensor'
import type { SampleSet } from '../../technique'
import { batchPlan, openCalibration, pick, smaller } from '../calibrate/run'
import { nodeId, nodeLabel } from '../names'
import type { HalfType } from './options'
import { SWITCHES, switchable } from './simulate'

/** Samples it is measured on, and in one run where the model takes any number. */
const SAMPLES = 32
const BATCH = 4
/** Groups at most: each costs a run over the samples. */
const GROUPS = 48

export interface HalfSearchRequest {
  model: Model
  /** Nodes that can be in half precision, in graph order. */
  candidates: readonly NodeProto[]
  type: HalfType
  isFloat: (name: string) => boolean
  /** What the answers must keep, in dB. */
  target: number
  samples: SampleSet & { threads: number }
}

/**
 * The candidates that can be in half precision together, and notes of what stays and why. Throws `bad-data` without
 * samples, `unsupported` when the model has no float32 output to compare.
 */
export async function chooseHalf(
  request: HalfSearchRequest,
  context: TaskContext,
): Promise<{ nodes: NodeProto[]; notes: Note[] }> {
  const { model, type, isFloat, target, samples } = request
  const groups = groupsOf(model, request.candidates)
  const ids = groups.map(nodes => nodes.map(nodeId))
  const session = await openCalibration(switchable(model, ids, type, isFloat), samples.threads, context)
  try {
    const judge = new Judge(
      session,
      { ...samples, indices: samples.indices.subarray(0, SAMPLES) },
      groups.length,
    )
    const all = new Array<boolean>(groups.length).fill(true)
    const [together = 0] = await judge.measure([all], within(context, 0, 0.1))
    if (together >= target) return { nodes: groups.flat(), notes: [reached(type, together, together, 0)] }
    const alone = await judge.measure(
      groups.map((_, g) => groups.map((_, other) => other === g)),
      within(context, 0.1, 0.7),
    )
    const order = alone.map((sqnr, g) => ({ g, sqnr })).sort((a, b) => a.sqnr - b.sqnr || a.g - b.g)
    const without = (count: number) => {
      const kept = new Set(order.slice(0, count).map(({ g }) => g))
      return groups.map((_, g) => !kept.has(g))
    }
    // The fewest of the costliest: noise adds up, so more in float32 is less noise, and halving finds the place.
    let [low, high, after] = [0, groups.length, Number.POSITIVE_INFINITY]
    while (low + 1 < high) {
      const middle = (low + high) >> 1
      const [sqnr = 0] = await judge.measure([without(middle)], within(context, 0.7, 1))
      if (sqnr >= target) [high, after] = [middle, sqnr]
      else low = middle
    }
    const kept = order.slice(0, high).sort((a, b) => a.g - b.g)
    const notes = kept.map(({ g, sqnr }) => keptNote(groups[g] ?? [], type, sqnr))
    const on = without(high)
    const count = kept.reduce((sum, { g }) => sum + (groups[g]?.length ?? 0), 0)
    return {
      nodes: groups.flatMap((nodes, g) => (on[g] ? nodes : [])),
      notes: [...notes, reached(type, together, after, count)],
    }
  } finally {
    await session.close()
  }
}

/** Neighbours in graph order, a new group at every node with weights; at most `GROUPS`. */
function groupsOf(model: Model, candidates: readonly NodeProto[]): NodeProto[][] {
  const groups: NodeProto[][] = []
  for (const node of candidates) {
    const last = groups.at(-1)
    if (last && !hasWeights(model, node)) last.push(node)
    else groups.push([node])
  }
  const joined = Math.ceil(groups.length / GROUPS)
  return groups.reduce<NodeProto[][]>((list, nodes, i) => {
    if (i % joined === 0) list.push([...nodes])
    else list.at(-1)?.push(...nodes)
    return list
  }, [])
}

function hasWeights({ graph }: Model, node: NodeProto): boolean {
  return node.input.some(name => {
    const tensor = graph.initializer(name)
    return tensor !== undefined && tensor.dims.length >= 2 && dataTypeName(tensor.dataType) === 'float32'
  })
}

/** Signal to noise of answers with some switches on against those with all off. */
class Judge {
  private readonly outputs: string[]
  private readonly batches: Uint32Array[]

  constructor(
    private readonly session: Session,
    private readonly samples: SampleSet,
    private readonly groups: number,
  ) {
    this.outputs = session.outputs.filter(({ type }) => type === 'float32').map(({ name }) => name)
    if (this.outputs.length === 0)
      throw new BantamError(
        'unsupported',
        'The model has no float32 output by which nodes could be chosen.',
        {
          action: 'Choose what stays by range, or name it.',
        },
      )
    const inputs = session.inputs.filter(({ name }) => name !== SWITCHES)
    const plan = batchPlan({ inputs }, samples.indices)
    this.batches = plan.free ? smaller([samples.indices], BATCH) : plan.batches
  }

  /** In dB, of the output that keeps least; −∞ where an answer is not finite. */
  async measure(settings: readonly (readonly boolean[])[], context: TaskContext): Promise<number[]> {
    const sums = settings.map(() => this.outputs.map(() => ({ signal: 0, noise: 0 })))
    for (const [done, batch] of this.batches.entries()) {
      const { feeds } = await this.samples.dataset.batch(batch)
      const exact = await this.run(feeds, new Array<boolean>(this.groups).fill(false))
      for (const [s, on] of settings.entries()) {
        await breathe(context)
        const rounded = await this.run(feeds, on)
        for (const [o, name] of this.outputs.entries()) {
          const sum = sums[s]?.[o]
          // Outputs of type float32 hold these arrays.
          if (sum) addNoise(sum, exact[name]?.data as Float32Array, rounded[name]?.data as Float32Array)
        }
        context.progress(
          (done * settings.length + s + 1) / (this.batches.length * settings.length),
          'Measuring half precision',
        )
      }
    }
    return sums.map(outputs => Math.min(...outputs.map(inDecibels)))
  }

  private run(feeds: Record<string, Tensor>, on: readonly boolean[]): Promise<Record<string, Tensor>> {
    const switches: Tensor = { type: 'bool', dims: [on.length], data: Uint8Array.from(on, Number) }
    return this.session.run(pick(this.session, { ...feeds, [SWITCHES]: switches }), this.outputs)
  }
}

function addNoise(sum: { signal: number; noise: number }, exact: Float32Array, rounded: Float32Array): void {
  for (let i = 0; i < exact.length; i++) {
    const value = exact[i] as number
    // −∞ on both sides, as where a mask is an output, is no difference.
    if (value === rounded[i]) sum.signal += Number.isFinite(value) ? value * value : 0
    else {
      sum.signal += value * value
      sum.noise += (value - (rounded[i] as number)) ** 2
    }
  }
}

function inDecibels({ signal, noise }: { signal: number; noise: number }): number {
  if (noise === 0) return Number.POSITIVE_INFINITY
  const sqnr = 10 * Math.log10(signal / noise)
  return Number.isNaN(sqnr) ? Number.NEGATIVE_INFINITY : sqnr
}

function keptNote(nodes: readonly NodeProto[], type: HalfType, sqnr: number): Note {
  const [first] = nodes
  const more =
    nodes.length > 1
      ? ` and ${nodes.length - 1} node${nodes.length === 2 ? '' : 's'} behind it stay`
      : ' stays'
  const what = first ? describeNode(first) : ''
  const cost = Number.isFinite(sqnr) ? `leaves ${sqnr.toFixed(1)} dB` : 'gives answers that are not finite'
  const note: Note = {
    code: 'kept-in-float32',
    severity: 'info',
    message: `${what}${more} in float32: alone in ${type} it ${cost}.`,
  }
  return first ? { ...note, node: nodeLabel(first) } : note
}

function reached(type: HalfType, together: number, after: number, kept: number): Note {
  const all =
    Number.isFinite(together) || together > 0
      ? `keeps ${together.toFixed(1)} dB`
      : 'gives answers that are not finite'
  const rest =
    kept === 0 ? '' : `; with ${kept} node${kept === 1 ? '' : 's'} in float32 it keeps ${after.toFixed(1)} dB`
  return {
    code: 'half-measured',
    severity: 'info',
    message: `All in ${type} ${all}${rest}, measured on samples.`,
  }
}
