/** The warm process's answer to what pruning would do. */
import type { PrunePreview } from '../../shared/prune'
import type { Dataset } from '../data/dataset'
import type { Model } from '../onnx/model'
import { readModel } from '../onnx/read'
import { parseOptions } from '../operations/variant'
import { previewPlan } from '../prune/preview'
import { techniqueById } from '../techniques'
import { Kept } from './kept'
import { longAnswers } from './newest-first'
import type { Asks, ModelRef } from './protocol'
import { quicker } from './prune-quicker'
import { withScratch } from './scratch'
import { calibrationSamples } from './tasks/samples'

type Ask = Asks['prune']['ask']
type Open = (data: NonNullable<Ask['data']>) => Promise<Dataset>

/** By hash of the parent, options and data: a screen asks for the same again and again. */
const previews = new Kept<PrunePreview>(64)
const parents = new Kept<Model>(2)

/**
 * What a step would do to a model. `open` opens the data. Throws `bad-option` for options that are invalid, and what
 * planning throws.
 */
export function previewPruning(ask: Ask, open: Open): Promise<PrunePreview> {
  const { technique: id } = ask.step
  const given = parseOptions(techniqueById(id), ask.step.options) as Record<string, unknown> // options are objects
  const { options, notes } = quicker(given)
  const key = JSON.stringify([ask.parent.hash, id, options, notes, ask.data?.spec])
  return previews.get(key, async () => {
    const step = { technique: id, options }
    const preview = await longAnswers.add(signal => make({ ...ask, step }, open, signal))
    return { ...preview, notes: [...preview.notes, ...notes] }
  })
}

async function make(
  { parent, step, data, threads }: Ask,
  open: Open,
  signal: AbortSignal,
): Promise<PrunePreview> {
  const model = await parentOf(parent)
  const calibration = data ? calibrationSamples(await open(data)) : undefined
  return withScratch(async tempDir => {
    const context = { progress() {}, log() {}, signal, tempDir }
    const input = { model, calibration, seed: 0, threads, device: 'cpu' as const }
    const plan = await techniqueById(step.technique).plan(input, step.options, context)
    const file = { path: parent.path, sizeBytes: parent.summary.sizeBytes }
    return previewPlan(file, model, plan, { threads, training: calibration }, context)
  })
}

function parentOf({ hash, path }: ModelRef): Promise<Model> {
  return parents.get(hash, () => readModel(path))
}
