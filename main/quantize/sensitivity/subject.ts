/** A model as static int8 would quantize it, with what is known of its values: what layers are measured and shown from. */
import type { TensorFit } from '../../../shared/quantize'
import { type TaskContext, within } from '../../jobs/context'
import type { Model } from '../../onnx/model'
import type { SampleSet } from '../../technique'
import { codeRange } from '../affine'
import { keptStatistics } from '../calibrate/calibrate'
import { type CollectedStatistics, memoryStore, type StatisticsStore } from '../calibrate/statistics'
import { nodeLabel } from '../names'
import { preparedAsDecided } from '../prepare'
import { StaticDecisions, StaticOptions } from '../static/options'
import { planStatic } from '../static/plan'
import { elementTypes } from '../types'
import { type PlannedLayer, plannedLayers } from './alone'
import { activationFit, weightFit, weightsOf } from './fit'

export interface SubjectRequest {
  model: Model
  options: StaticOptions
  /** The first `options.samples` of them give the ranges. */
  calibration: SampleSet
  threads: number
  /** Where statistics are kept; in memory without. */
  statistics?: StatisticsStore | undefined
}

export interface Subject {
  /** Simplified, equalized and smoothed where the options say so. */
  model: Model
  options: StaticOptions
  decisions: StaticDecisions
  layers: PlannedLayer[]
  statistics: CollectedStatistics
  declined: { id: string; node: string; reason: string }[]
}

/**
 * Plans everything in 8 bits, or weights in 4: activations and layers left in float and choices for single nodes are answers
 * to what is measured here, and not looked at. Throws what planning throws.
 */
export async function subjectOf(request: SubjectRequest, context: TaskContext): Promise<Subject> {
  const whole = { activations: 'int8', edges: 'int8', exclude: [], overrides: [] }
  const options = StaticOptions.parse({ ...request.options, ...whole })
  const { calibration, threads } = request
  const statistics = request.statistics ?? memoryStore()
  const input = { model: request.model, calibration, statistics, seed: 0, threads }
  const plan = await planStatic(input, options, within(context, 0, 0.8))
  const decisions = StaticDecisions.parse(plan.decisions)
  const model = await preparedAsDecided(request.model, decisions)
  const layers = plannedLayers(model, decisions)
  const values = layers.flatMap(({ reads, makes }) => (makes === null ? reads : [...reads, makes]))
  const collected = await keptStatistics(
    {
      model,
      values: [...new Set([...decisions.values.map(v => v.name), ...values])],
      types: await elementTypes(model),
      dataset: calibration.dataset,
      indices: calibration.indices.subarray(0, options.samples),
      threads,
      bins: options.bins,
      statistics,
    },
    within(context, 0.8, 1),
  )
  const byLabel = new Map(model.graph.nodes.map(node => [nodeLabel(node), node]))
  const declined = plan.notes.flatMap(({ code, node: label, message }) => {
    const node = code === 'left-in-float' ? byLabel.get(label ?? '') : undefined
    return node ? [{ id: node.output[0] ?? '', node: label ?? '', reason: message }] : []
  })
  return { model, options, decisions, layers, statistics: collected, declined }
}

/** How 8 bits fit what a layer reads, its weights and what it makes. */
export function tensorFits(
  { model, decisions, statistics, options }: Subject,
  layer: PlannedLayer,
): TensorFit[] {
  const codes = codeRange(decisions.activationType)
  const activation = (name: string, role: 'input' | 'output') => {
    const known = statistics.values.get(name)
    const value = decisions.values.find(v => v.name === name)
    if (!known || !value) return []
    const range = { min: value.min, max: value.max }
    return [activationFit(name, role, known, codes, { range, symmetric: options.symmetric && range.min < 0 })]
  }
  const weights = weightsOf(model, decisions, layer)
  return [
    ...layer.reads.flatMap(name => activation(name, 'input')),
    ...(weights ? [weightFit(weights)] : []),
    ...(layer.makes === null ? [] : activation(layer.makes, 'output')),
  ]
}
