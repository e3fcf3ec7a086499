/** Static int8 quantization, first half: deciding. */
import type { Note, Plan } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import { type TaskContext, within } from '../../jobs/context'
import type { Model } from '../../onnx/model'
import type { PlanInput } from '../../technique'
import { affineFor, type CodeType, codeRange, type Range, representable } from '../affine'
import type { CalibrationMethod } from '../calibrate/calibrate'
import { nodeId, nodeLabel, nodesNamed } from '../names'
import { preparedForStatic } from '../prepare'
import { planSmoothing } from '../smooth/plan'
import { smoothingNodes } from '../smooth/smooth'
import { elementTypes } from '../types'
import { floatValues } from '../weights'
import { decideWeights } from './layer-weights'
import { chooseOpset } from './opset'
import type { StaticDecisions, StaticOptions } from './options'
import { calibrateEach, choicesOf } from './overrides'
import { refined, refines } from './refine'
import { type Chosen, clipBounds, type Selection, selectNodes, weightsAlone } from './select'
import { derivedValues, sharedRanges } from './sharing'
import { tablesOf } from './tables'
import { decideWide, wideNotes, wideType, wideValues } from './wide'

/**
 * Decides scales and places. Throws `bad-data` without calibration samples, `bad-option` for an excluded node that
 * does not exist, `unsupported` when nothing can be quantized or the opset is too old to raise.
 */
export async function planStatic(
  input: PlanInput,
  options: StaticOptions,
  context: TaskContext,
): Promise<Plan> {
  if (!input.calibration) throw needsCalibration('Static int8 quantization')
  const { calibration: given } = input
  const { model: simple, notes } = await preparedForStatic(input.model, options.equalize)
  const { opset, perChannel, note } = chooseOpset(simple, options)
  const [first, rest] =
    options.smooth === 'none' ? [context, context] : [within(context, 0, 0.3), within(context, 0.3, 1)]
  const smoothed = await planSmoothing(
    simple,
    { ...input, calibration: given },
    { ...options, perChannel },
    opset,
    first,
  )
  const { model, smoothing } = smoothed
  const exclude = nodesNamed(model.graph, options.exclude)
  const choices = choicesOf(model, options.overrides)
  const types = await elementTypes(model)
  const found = selectNodes(model, types, {
    operators: new Set(options.operators),
    exclude,
    float: new Set(smoothingNodes(model, smoothing)),
    edges: options.edges,
    wide: choices.wide,
    opset,
  })
  const selection = options.activations === 'float' ? weightsAlone(found) : found
  notes.push(...note, ...smoothed.notes, ...selection.notes, ...wideNotes(selection.wide))
  if (selection.chosen.length + selection.wide.length === 0) throw nothingToDo(model, selection.notes)
  const coded = new Set(selection.chosen.flatMap(c => c.constants.map(i => c.node.input[i] ?? '')))
  const tables = options.embeddings ? tablesOf(model, exclude, coded) : { tables: [], added: [], notes: [] }
  notes.push(...tables.notes)
  const derived = derivedValues(selection.chosen)
  const { dataset, indices } = input.calibration
  const wide = wideValues(model, selection)
  const named = [...selection.values, ...wide].map(v => v.name)
  const calibration = await calibrateEach(
    {
      model,
      values: [...new Set(named)].filter(name => !derived.has(name)),
      types,
      dataset,
      indices: indices.subarray(0, options.samples),
      bins: options.bins,
      threads: input.threads,
      statistics: input.statistics,
    },
    calibration => method({ ...options, calibration: calibration ?? options.calibration }),
    choices.calibrations,
    within(rest, 0.1, refines(options) ? 0.3 : 0.9),
  )
  notes.push(...calibration.notes)
  const ranges = sharedRanges(selection.chosen, calibration.ranges)
  const decided = decide(
    model,
    { ...selection, wideValues: wide },
    ranges,
    { ...options, perChannel, opset },
    notes,
  )
  let decisions: StaticDecisions = {
    ...decided,
    smoothing,
    tables: tables.tables,
    added: tables.added,
    samples: calibration.samples,
  }
  notes.push(summary(model, decisions))
  if (refines(options)) {
    const { seed, threads } = input
    const samples = { dataset, indices: indices.subarray(0, options.samples), threads, seed }
    const request = { source: input.model, model, decisions, samples }
    const result = await refined(request, options, within(rest, 0.3, 0.95))
    decisions = result.decisions
    notes.push(...result.notes)
  }
  context.progress(1, 'Planned')
  return {
    technique: 'quantize.static-int8',
    version: 1,
    seed: input.seed,
    options: { ...options },
    decisions,
    notes,
  }
}

export function needsCalibration(what: string): BantamError {
  return new BantamError('bad-data', `${what} needs calibration data, and none was given.`, {
    action: 'Add a dataset (--data), or use dynamic-int8, which needs none.',
  })
}

function nothingToDo(model: Model, notes: readonly Note[]): BantamError {
  const known = new Set(['Conv', 'Gemm', 'MatMul'])
  const candidates = model.graph.nodes.filter(node => known.has(node.opType)).length
  const first = notes[0]?.message
  return new BantamError('unsupported', 'Nothing in this model can run in int8.', {
    action:
      first ??
      (candidates === 0 ? 'It has no Conv, Gemm or MatMul in its main graph.' : 'Exclude fewer nodes.'),
  })
}

function method(options: StaticOptions): CalibrationMethod {
  switch (options.calibration) {
    case 'minmax':
      return { kind: 'minmax' }
    case 'entropy':
      return { kind: 'entropy', bins: options.bins }
    case 'percentile':
      return { kind: 'percentile', bins: options.bins, percentile: options.percentile }
    case 'mse':
      return { kind: 'mse', bins: options.bins, symmetric: options.symmetric }
  }
}

function decide(
  model: Model,
  selection: Selection & { wideValues: Selection['values'] },
  ranges: Map<string, Range>,
  options: StaticOptions & { opset: number },
  notes: Note[],
): Omit<StaticDecisions, 'samples' | 'tables' | 'added'> {
  const activationType: CodeType = options.format.startsWith('U8') ? 'uint8' : 'int8'
  const weightType: CodeType = options.format.endsWith('U8') ? 'uint8' : 'int8'
  const codes = codeRange(activationType)
  const values = selection.values.map(({ name, carried }) => {
    const range = ranges.get(name) ?? { min: 0, max: 0 }
    // A value that is never negative keeps zero at the lowest code, so that a Relu before it is free.
    const symmetric = options.symmetric && range.min < 0
    return { name, carried, min: range.min, max: range.max, ...affineFor(range, codes, symmetric) }
  })
  const affine = new Map(values.map(v => [v.name, v]))
  const absorbed = selection.absorbed.flatMap(({ node, fused }) => {
    const output = affine.get(node.output[0] ?? '')
    const bounds = clipBounds(model, node)
    if (!output || !bounds) return []
    const shown = representable(output, codes)
    const redundant = shown.min === 0 && shown.max <= bounds.max + output.scale / 2
    return redundant ? [{ id: nodeId(node), fused }] : []
  })
  const wider = decideWide(selection.wideValues, ranges, wideType(activationType), options.symmetric)
  const scales = { narrow: affine, wider: new Map(wider.map(v => [v.name, v])) }
  const weights = decideWeights(model, selection, scales, { ...options, weightType }, notes)
  const four = new Set(weights.filter(w => w.bits === 4).map(w => w.name))
  const constants = selection.chosen.flatMap(({ node, constants }) =>
    constants.map(i => {
      const name = node.input[i] as string
      const tensor = model.graph.initializer(name)
      const range = tensor ? extremes(floatValues(tensor, model.directory)) : { min: 0, max: 0 }
      return { name, ...affineFor(range, codes, false) }
    }),
  )
  return {
    opset: options.opset,
    activationType,
    weightType,
    reduced: options.reduceRange,
    nodes: selection.chosen.map(chosen => plannedNode(chosen, four)),
    absorbed,
    values,
    wide: { nodes: selection.wide.map(chosen => plannedNode(chosen, four)), values: wider },
    weights,
    constants: unique(constants, c => c.name),
    equalized: options.equalize,
    roundings: [],
    smoothing: [],
    biases: [],
  }
}

/** `four`: the weights of 4 bits. */
function plannedNode(
  { node, role, activations, constants }: Chosen,
  four: ReadonlySet<string>,
): StaticDecisions['nodes'][number] {
  const weighted = role.kind === 'weighted' ? role : undefined
  const bias = weighted?.bias ?? null
  return {
    id: nodeId(node),
    name: nodeLabel(node),
    op: node.opType,
    activations,
    constants,
    weight: weighted?.weight ?? null,
    // Behind activations in float it stays in float as well.
    bias: bias !== null && activations.length > 0 && node.input[bias] ? bias : null,
    ...(weighted && four.has(node.input[weighted.weight] ?? '') ? { bits: 4 as const } : {}),
  }
}

function extremes(values: Float32Array): Range {
  return values.reduce<Range>((r, v) => ({ min: Math.min(r.min, v), max: Math.max(r.max, v) }), {
    min: 0,
    max: 0,
  })
}

function unique<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...new Map(items.map(item => [key(item), item])).values()]
}

function summary(model: Model, decisions: StaticDecisions): Note {
  const anchors = decisions.nodes.filter(n => n.weight !== null).length
  const all = model.graph.nodes.filter(n =>
    ['Conv', 'Gemm', 'MatMul', 'ConvTranspose'].includes(n.opType),
  ).length
  const { nodes, absorbed } = decisions
  const four = decisions.weights.filter(w => w.bits === 4).length
  const some = four === 0 ? '' : `, ${four} in 4 bits`
  const message = nodes.every(n => n.activations.length === 0)
    ? `The weights of ${anchors} of ${all} convolutions and matrix products become codes${some}; the model computes in float.`
    : `${nodes.length + absorbed.length} of ${model.graph.nodes.length} nodes run in int8, among them ${anchors} of ${all} convolutions and matrix products${some && `, of which ONNX Runtime computes ${four} in float on CPU: their weights have 4 bits`}.`
  return { code: 'quantized', severity: 'info', message }
}
