/**
 * SmoothQuant: inputs of dense layers are divided by one scale per channel, and the weights multiplied by it, so that
 * outlier channels of an activation, which one scale has to serve, become as large as the others and the weights, which
 * have a scale of their own per output, take on what they were larger. The float network computes what it did.
 * Paper: Xiao et al., ICML 2023 (arXiv:2211.10438). See smooth-scales.ts, and smooth-search.ts for how α is found.
 */
import type { NodeProto } from 'onnx-buf'
import type { Note } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import { breathe, type TaskContext, within } from '../../jobs/context'
import type { Model } from '../../onnx/model'
import { tensorDims } from '../../onnx/tensor'
import type { SampleSet } from '../../technique'
import { editableCopy } from '../copy'
import { divideByMul, divideFolded, type Fold, findFold, multiplyInputs } from '../fold-scale'
import { nodeId } from '../names'
import { channelAxis, floatValues } from '../weights'
import { inputChannels, type SmoothGroup, smoothGroups } from './groups'
import type { Smoothing } from './options'
import { type DenseWeight, rowMagnitudes, smoothingScales } from './scales'
import { AlphaSearch, type SearchCoding } from './search'
import { type ChannelStatistics, channelStatistics } from './statistics'

/** A Mul of its own must take at least this share of the error away. */
const WORTH_A_MUL = 0.2

export interface SmoothOptions extends SearchCoding {
  /** One α for all, or the best of 0.3 to 0.9 for each value. */
  smooth: 'alpha' | 'search'
  smoothAlpha: number
  /** Put a Mul where nothing before a layer can take the division. */
  smoothInsert: boolean
}

/**
 * Decides scales on samples. `chosen`: the nodes to be quantized. Answers the smoothed model too, and the Mul nodes in
 * it that must stay in float: coded before it, an outlier would be as bad as without.
 */
export async function decideSmoothing(
  model: Model,
  chosen: readonly { node: NodeProto }[],
  options: SmoothOptions,
  samples: SampleSet & { threads: number },
  context: TaskContext,
): Promise<{ model: Model; smoothing: Smoothing[]; notes: Note[] }> {
  const notes: Note[] = []
  const all = smoothGroups(model, chosen)
  const groups = all.filter(group => typeof group.fold !== 'string' || options.smoothInsert)
  for (const group of all) if (!groups.includes(group)) notes.push(declined(group, String(group.fold)))
  if (groups.length === 0) return { model, smoothing: [], notes: [...notes, nothingSmoothed(all.length)] }
  const search = options.smooth === 'search' ? await AlphaSearch.open(options, samples.threads) : null
  try {
    const channels = new Map(groups.map(group => [group.value, group.channels]))
    const statistics = await channelStatistics(
      model,
      channels,
      samples,
      search !== null,
      within(context, 0, 0.5),
    )
    const copy = editableCopy(model)
    const smoothing: Smoothing[] = []
    for (const [i, group] of groups.entries()) {
      const known = statistics.get(group.value)
      const decided = known && (await decideGroup(copy, group, known, options, search, context))
      if (typeof decided === 'string') notes.push(declined(group, decided))
      else if (decided) {
        smoothing.push(decided)
        applyTo(copy, decided, group.fold)
      }
      within(context, 0.5, 1).progress((i + 1) / groups.length, 'Smoothing')
      await breathe(context)
    }
    copy.graph.removeUnusedInitializers()
    copy.graph.sort()
    const note = smoothing.length > 0 ? smoothedNote(smoothing, options) : nothingSmoothed(all.length)
    return { model: copy, smoothing, notes: [...notes, note] }
  } finally {
    await search?.close()
  }
}

/** The model smoothed as decided: the same bytes as when it was decided. Throws `internal` for a plan of another model. */
export function withSmoothing(model: Model, smoothing: readonly Smoothing[]): Model {
  if (smoothing.length === 0) return model
  const copy = editableCopy(model)
  const folds = smoothing.map(s => {
    const readers = s.readers.flatMap(id => model.graph.producer(id) ?? [])
    const channels = readers[0] && inputChannels(model, readers[0])
    if (!channels || readers.length !== s.readers.length) throw notInModel(s.value)
    const fold = s.folded ? findFold(model, s.value, channels, new Set(readers)) : ''
    if (s.folded && typeof fold === 'string') throw notInModel(s.value)
    return fold
  })
  for (const [i, s] of smoothing.entries()) applyTo(copy, s, folds[i] ?? '')
  copy.graph.removeUnusedInitializers()
  copy.graph.sort()
  return copy
}

/** The Mul nodes that smoothing put into a model. */
export function smoothingNodes({ graph }: Model, smoothing: readonly Smoothing[]): NodeProto[] {
  return smoothing.flatMap(({ folded, readers }) => {
    const reader = graph.producer(readers[0] ?? '')
    return folded ? [] : (graph.producer(reader?.input[0] ?? '') ?? [])
  })
}

async function decideGroup(
  model: Model,
  group: SmoothGroup,
  channels: ChannelStatistics,
  options: SmoothOptions,
  search: AlphaSearch | null,
  context: TaskContext,
): Promise<Smoothing | string> {
  const folded = typeof group.fold !== 'string'
  const readers = group.readers.map(nodeId)
  const weights = readers.map(id => weightOf(model, model.graph.producer(id)))
  let alpha: number | null = options.smoothAlpha
  if (search) {
    const found = await search.best(channels, weights, context)
    alpha = found.alpha
    if (!folded && found.error > (1 - WORTH_A_MUL) * found.unsmoothed) alpha = null
    if (alpha === null)
      return folded ? 'no exponent makes the error less' : 'a Mul of its own would gain too little'
  }
  const scales = smoothingScales(channels, rowMagnitudes(weights, group.channels), alpha)
  return { value: group.value, readers, folded, alpha, scales: encode(scales) }
}

function applyTo(model: Model, s: Smoothing, fold: Fold | string): void {
  const scales = new Float32Array(Uint8Array.from(Buffer.from(s.scales, 'base64')).buffer)
  const readers = new Set(s.readers.flatMap(id => model.graph.producer(id) ?? []))
  if (typeof fold === 'string') divideByMul(model, s.value, readers, scales)
  else divideFolded(model, fold, scales)
  for (const reader of readers) multiplyInputs(model, reader, scales)
}

/** Weights as [inputs, outputs]. */
function weightOf(model: Model, node: NodeProto | undefined): DenseWeight {
  const tensor = node && model.graph.initializer(node.input[1] ?? '')
  if (!tensor) throw new BantamError('internal', 'A layer to be smoothed has no weights.')
  const values = Float32Array.from(floatValues(tensor, model.directory))
  const [rows = 1, columns = 1] = tensorDims(tensor)
  if (channelAxis(node, 2) === 1) return { values, outputs: columns }
  const turned = new Float32Array(values.length)
  for (let n = 0; n < rows; n++) {
    for (let k = 0; k < columns; k++) turned[k * rows + n] = values[n * columns + k] as number
  }
  return { values: turned, outputs: rows }
}

function encode(scales: Float32Array<ArrayBuffer>): string {
  return Buffer.from(scales.buffer, scales.byteOffset, scales.byteLength).toString('base64')
}

function notInModel(where: string): BantamError {
  return new BantamError('internal', 'The plan smooths a value that the model does not have so.', { where })
}

function declined({ value }: SmoothGroup, reason: string): Note {
  return { code: 'not-smoothed', severity: 'info', message: `${value} is not smoothed: ${reason}.` }
}

function nothingSmoothed(values: number): Note {
  const message =
    values === 0
      ? 'Nothing was smoothed: no MatMul or Gemm with constant weights runs in int8.'
      : 'Nothing was smoothed: no input of a dense layer gains by it.'
  return { code: 'nothing-to-smooth', severity: 'info', message }
}

function smoothedNote(smoothing: readonly Smoothing[], { smooth, smoothAlpha }: SmoothOptions): Note {
  const layers = smoothing.reduce((sum, s) => sum + s.readers.length, 0)
  const muls = smoothing.filter(s => !s.folded).length
  const alphas = smoothing.map(s => s.alpha)
  const by =
    smooth === 'alpha'
      ? `${smoothAlpha}`
      : `${Math.min(...alphas)} to ${Math.max(...alphas)}, found value by value`
  const mul =
    muls === 0 ? '' : ` ${muls} of them by a Mul of their own, for nothing before could take the division.`
  const message = `The inputs of ${layers} dense layer${layers === 1 ? '' : 's'} (${smoothing.length} value${smoothing.length === 1 ? '' : 's'}) were smoothed with alpha ${by}.${mul}`
  return { code: 'smoothed', severity: 'info', message }
}
