/** How large the inputs of a layer are on samples: what Wanda multiplies weights with. */
import { BantamError } from '../../shared/errors'
import type { PruneDeclined } from '../../shared/prune'
import type { TaskContext } from '../jobs/context'
import { bytesOf } from '../onnx/tensor'
import { nodeLabel } from '../quantize/names'
import type { PlanInput, SampleSet } from '../technique'
import { asFloat, asRows, type Collected, collectSums, sumSquares } from './collect'
import { drawSamples } from './draw'
import type { FoundWeights, PrunableWeight, Source } from './weights'

/** The samples that a plan looks at. Throws `bad-data` without any. */
export function samplesFor(input: PlanInput, count: number): SampleSet {
  const samples = input.calibration ?? input.training
  if (samples && samples.indices.length > 0) return drawSamples(samples, count, input.seed)
  throw new BantamError('bad-data', 'The score wanda is measured on samples, and there are none.', {
    where: 'score',
    action: 'Give data, or choose the score magnitude.',
  })
}

export interface Norms {
  /** By weight: one for each input feature. */
  norms: Map<string, Float32Array>
  samples: number
  /** Weights of which it cannot be told what they are multiplied with. */
  declined: PruneDeclined[]
}

/**
 * ‖x‖ of every input feature of the weights: the L2 norm over all places, root mean square over samples. Over all
 * readers of a weight together. Throws what running the model throws.
 */
export async function activationNorms(
  { model, weights }: FoundWeights,
  from: { samples: SampleSet; threads: number },
  context: TaskContext,
): Promise<Norms> {
  const known = weights.filter(weight => weight.sources.length > 0)
  const wanted = known.flatMap(weight => weight.sources.map(source => collected(weight, source)))
  const { sums, samples } = await collectSums(model, wanted, from, context)
  const norms = new Map(
    known.map(weight => {
      const total = new Float64Array(featuresOf(weight))
      for (const source of weight.sources)
        sums.get(keyOf(source))?.forEach((sum, i) => {
          total[i] = (total[i] ?? 0) + sum
        })
      return [weight.name, Float32Array.from(total, sum => Math.sqrt(sum / Math.max(1, samples)))]
    }),
  )
  const declined = weights
    .filter(weight => weight.sources.length === 0)
    .map(({ name, nodes: [node] }) => ({
      id: name,
      reason: 'what it is multiplied with cannot be told from the graph, and Wanda asks for that',
      ...(node ? { node: nodeLabel(node) } : {}),
    }))
  return { norms, samples, declined }
}

function featuresOf({ dims, features }: PrunableWeight): number {
  return features.reduce((all, axis) => all * (dims[axis] ?? 1), 1)
}

const keyOf = ({ value, keep, rank }: Source) => `${value}[${keep}] of ${rank}`

function collected(weight: PrunableWeight, source: Source): Collected {
  return {
    key: keyOf(source),
    from: source.value,
    build(graph, opset, to) {
      const float = asFloat(graph, source.value)
      const { rank } = source
      const from = rank === null ? asRows(graph, float, featuresOf(weight)) : float
      const axes = Array.from({ length: rank ?? 2 }, (_, axis) => axis)
      sumSquares(
        graph,
        opset,
        from,
        to,
        axes.filter(axis => !source.keep.includes(axis)),
      )
    },
  }
}

/** Numbers as text for a plan. */
export function encodeFloats(values: Float32Array): string {
  return Buffer.from(bytesOf(values)).toString('base64')
}

/** What `encodeFloats` wrote. */
export function decodeFloats(text: string): Float32Array {
  return new Float32Array(Uint8Array.from(Buffer.from(text, 'base64')).buffer)
}

/** The norms where the score asks for them, and the weights of which they are known; else all weights. */
export async function scoreNorms(
  { score, samples: count }: { score: 'magnitude' | 'wanda'; samples: number },
  input: PlanInput,
  found: FoundWeights,
  context: TaskContext,
): Promise<Norms & { found: FoundWeights }> {
  if (score === 'magnitude') return { norms: new Map(), samples: 0, declined: [], found }
  const from = { samples: samplesFor(input, count), threads: input.threads }
  const measured = await activationNorms(found, from, context)
  const weights = found.weights.filter(({ name }) => measured.norms.has(name))
  if (weights.length > 0) return { ...measured, found: { ...found, weights } }
  throw new BantamError('unsupported', 'Of no weight it can be told what it is multiplied with.', {
    where: 'score',
    action: 'Choose the score magnitude.',
  })
}
