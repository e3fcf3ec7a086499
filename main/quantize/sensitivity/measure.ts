/**
 * What each layer of a model loses in 8 bits, measured rather than guessed: this layer alone is quantized as static int8
 * would, and the model run on samples next to the float model. Weights and activations are measured apart as well, with
 * float kernels on rounded numbers; the whole layer as it runs here, so that a processor whose kernels saturate shows it.
 *
 * Each trial runs only what begins at its layer: what the samples are before it is kept from layer to layer, where it
 * fits the memory given to samples.
 */
import { BantamError } from '../../../shared/errors'
import type { QuantizeLayer, QuantizePoint, QuantizeSensitivity } from '../../../shared/quantize'
import { breathe, type TaskContext, within } from '../../jobs/context'
import { type Answers, Runner } from '../../measure/answers'
import { type Judge, judgeBy } from '../../measure/judge'
import { answersSqnr } from '../../measure/signal'
import { cut } from '../../onnx/cut'
import { describeNode } from '../../onnx/graph'
import { nodeTimes } from '../../prune/timings'
import type { SampleSet } from '../../technique'
import { editableCopy } from '../copy'
import { nodeId, nodesNamed } from '../names'
import { writeStatic } from '../static/write'
import { alone, type Part, type PlannedLayer } from './alone'
import { layerCosts } from './costs'
import { keepSensitivity, keptSensitivity } from './kept'
import { Prefix } from './prefix'
import { type Subject, type SubjectRequest, subjectOf, tensorFits } from './subject'

export interface MeasureRequest extends SubjectRequest {
  /** What it is measured on: all of them. */
  samples: SampleSet
  /** Only these layers, by name or id; all without. */
  layers?: readonly string[] | undefined
  /** Names the model and the data, for going on with what `context.keepDir` holds. */
  identity?: string
}

/** ORT computes with rounded numbers in float kernels. */
const SIMULATED = { 'session.disable_quant_qdq': '1' }

interface Work {
  subject: Subject
  judge: Judge
  whole: Answers
}

/**
 * Measures. `judge.ts` says by which metric and interval; SQNR is that of the answers. Deterministic for a machine and a
 * number of threads, but for `seconds` and `milliseconds`. With `identity` and a `keepDir`, what is done is kept after
 * every layer and not measured again.
 *
 * Throws `bad-data` without samples, `bad-option` for a layer that is not there, `unsupported` where nothing can be
 * quantized or answers cannot be told apart by sample, `cancelled` between runs; and what planning and running throw.
 */
export async function measureQuantization(
  request: MeasureRequest,
  context: TaskContext,
): Promise<QuantizeSensitivity> {
  const start = performance.now()
  const { samples, threads, identity } = request
  if (samples.indices.length === 0)
    throw new BantamError('bad-data', 'There are no samples to measure on.', {
      where: samples.dataset.summary.spec.source,
    })
  context.progress(0, 'Calibrating')
  const subject = await subjectOf(request, within(context, 0, 0.1))
  const chosen = chosenLayers(subject, request.layers)
  const folder = identity === undefined ? undefined : context.keepDir
  const kept = folder === undefined ? undefined : await keptSensitivity(folder, identity ?? '')
  const opened = await Runner.open(subject.model, samples, threads, within(context, 0.1, 0.14))
  const work: Work = { subject, whole: opened.whole, judge: judgeBy(opened.whole, samples) }
  const told = await about(work, opened.runner, kept, within(context, 0.14, 0.2))
  const found: QuantizeSensitivity = {
    ...told,
    samples: samples.indices.length,
    calibrated: subject.decisions.samples,
    options: subject.options,
    layers: kept?.layers ?? [],
    declined: kept?.declined ?? subject.declined,
    seconds: 0,
  }
  const before = kept?.seconds ?? 0
  const keep = async () => {
    found.seconds = before + (performance.now() - start) / 1000
    if (folder !== undefined) await keepSensitivity(folder, identity ?? '', found)
  }
  await keep()
  await measureLayers(work, opened.runner, chosen, found, keep, within(context, 0.2, 1))
  return found
}

/** Everything in 8 bits, as kept or measured. */
async function about(
  work: Work,
  runner: Runner,
  kept: QuantizeSensitivity | undefined,
  context: TaskContext,
): Promise<Pick<QuantizeSensitivity, 'metric' | 'reference' | 'quantized'>> {
  const { judge, subject } = work
  const { metric, reference } = judge
  if (kept) return { metric, reference, quantized: kept.quantized }
  const copy = editableCopy(subject.model)
  writeStatic(copy, subject.decisions)
  return { metric, reference, quantized: pointOf(work, await runner.run(copy, context)) }
}

function pointOf({ judge, whole }: Work, answers: Answers): QuantizePoint {
  return { ...judge.judge(answers), sqnr: answersSqnr(whole, answers) }
}

function chosenLayers({ model, layers }: Subject, wanted: readonly string[] | undefined): PlannedLayer[] {
  if (wanted === undefined) return layers
  const named = nodesNamed(model.graph, wanted)
  const found = layers.filter(layer => named.has(layer.node))
  if (found.length === named.size) return found
  const stranger = [...named].find(node => !layers.some(layer => layer.node === node))
  throw new BantamError('bad-option', 'The node is not quantized.', {
    where: stranger ? describeNode(stranger) : wanted.join(', '),
    action: 'Choose a layer that the list of all layers has.',
  })
}

/** Adds to `found` layer after layer, in the order of the graph. */
async function measureLayers(
  work: Work,
  runner: Runner,
  chosen: readonly PlannedLayer[],
  found: QuantizeSensitivity,
  keep: () => Promise<void>,
  context: TaskContext,
): Promise<void> {
  const { subject } = work
  const done = new Set([...found.layers, ...found.declined].map(({ id }) => id))
  const costs = await layerCosts(subject.model)
  const times = await nodeTimes(subject.model, { ...context, progress: () => {} })
  const prefix = await Prefix.begin(subject.model, runner)
  const answering = new Set(cut(subject.model, [], [runner.answering]).graph.nodes.map(nodeId))
  for (const [i, layer] of chosen.entries()) {
    const { planned, node } = layer
    await breathe(context)
    // Past what is done as well: moved by other steps, the samples would differ by a rounding.
    if (answering.has(planned.id)) await prefix.advance(node, context)
    if (done.has(planned.id)) continue
    if (!answering.has(planned.id)) {
      const reason = `The output that is compared, ${runner.answering}, does not depend on it.`
      found.declined.push({ id: planned.id, node: describeNode(node), reason })
      continue
    }
    context.progress(i / chosen.length, `Measuring ${planned.id} (layer ${i + 1} of ${chosen.length})`)
    await breathe(context)
    try {
      const points = await pointsOf(work, prefix, layer, context)
      const entry: QuantizeLayer = {
        id: planned.id,
        node: describeNode(node),
        op: node.opType,
        macs: costs.get(node)?.macs ?? 0,
        parameters: costs.get(node)?.parameters ?? 0,
        milliseconds: times.get(node) ?? null,
        ...points,
        tensors: tensorFits(subject, layer),
      }
      found.layers.push(entry)
    } catch (error) {
      // What ONNX Runtime refuses to run.
      if (!(error instanceof BantamError) || error.code !== 'bad-model') throw error
      const reason = `Alone in 8 bits the model does not run: ${error.message}`
      found.declined.push({ id: planned.id, node: describeNode(node), reason })
    }
    await keep()
  }
  context.progress(1, 'Measured')
}

/** The layer whole and in parts; one with nothing but activations is measured once. */
async function pointsOf(
  work: Work,
  prefix: Prefix,
  layer: PlannedLayer,
  context: TaskContext,
): Promise<Pick<QuantizeLayer, 'whole' | 'weights' | 'activations'>> {
  const run = async (part: Part) => {
    const copy = editableCopy(prefix.rest)
    writeStatic(copy, alone(work.subject.decisions, layer, part))
    const silent = { ...context, progress: () => {} }
    const answers = await prefix.runner.run(copy, silent, part === 'whole' ? undefined : SIMULATED)
    return pointOf(work, answers)
  }
  const whole = await run('whole')
  if (layer.weight === null) return { whole, weights: null, activations: whole }
  return { whole, weights: await run('weights'), activations: await run('activations') }
}
