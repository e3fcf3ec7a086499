/** The warm process's answer to what quantizing would do. */
import { BantamError } from '../../shared/errors'
import type { QuantizePreview } from '../../shared/quantize'
import type { Dataset } from '../data/dataset'
import type { Model } from '../onnx/model'
import { readModel } from '../onnx/read'
import { parseOptions } from '../operations/variant'
import type { StatisticsStore } from '../quantize/calibrate/statistics'
import { folderStore } from '../quantize/calibrate/statistics-folder'
import { remembered } from '../quantize/calibrate/statistics-remembered'
import { previewQuantized } from '../quantize/preview'
import { measuredSamples } from '../quantize/sensitivity/samples'
import { Worth } from '../quantize/worth'
import type { Technique } from '../technique'
import { techniqueById } from '../techniques'
import type { TaskContext } from './context'
import { Kept } from './kept'
import { longAnswers } from './newest-first'
import type { Asks } from './protocol'
import { quickerQuantization } from './quantize-quicker'
import { withScratch } from './scratch'
import { calibrationSamples, requireCalibration } from './tasks/samples'

type Ask = Asks['quantize']['ask']
type Open = (data: NonNullable<Ask['data']>) => Promise<Dataset>

/** Most samples that a preview is measured on. */
const SAMPLES = 512
/** Models are made, written and run for a preview, while a person waits. */
const LARGEST_BYTES = 1e9

/** By hash of the parent, options and data: a screen asks for the same again and again. */
const previews = new Kept<QuantizePreview>(64)
const models = new Kept<Model>(2)
const stores = new Kept<StatisticsStore>(1)
/** What the parents answer to the samples. */
const worths = new Kept<Worth>(2)

/**
 * What a step of a quantization would do. From the second question about a model and data on, ranges come from kept
 * statistics. `open` opens the data. Throws `bad-option` for options that are invalid, `bad-data` where a technique that
 * needs samples has none outside the test split, `unsupported` for models too large, and what planning and running throw.
 */
export function previewQuantizing(ask: Ask, open: Open): Promise<QuantizePreview> {
  const technique = techniqueById(ask.step.technique)
  const given = parseOptions(technique, ask.step.options) as Record<string, unknown> // options are objects
  if (ask.parent.summary.sizeBytes > LARGEST_BYTES) throw tooLarge()
  const { options, notes } = quickerQuantization(given)
  const key = JSON.stringify([ask.parent.hash, technique.id, options, notes, ask.data?.spec])
  return previews.get(key, async () => {
    const preview = await longAnswers.add(signal => make(ask, technique, options, open, signal))
    return { ...preview, notes: [...preview.notes, ...notes] }
  })
}

async function make(
  { parent, data, threads, statistics }: Ask,
  technique: Technique,
  options: Record<string, unknown>,
  open: Open,
  signal: AbortSignal,
): Promise<QuantizePreview> {
  const { path, hash, summary } = parent
  const model = await models.get(hash, () => readModel(path))
  const opened = data ? await open(data) : null
  const needed = technique.needs !== 'nothing' && opened
  const calibration = needed ? requireCalibration(needed) : calibrationSamples(opened)
  return withScratch(async tempDir => {
    const context: TaskContext = { progress() {}, log() {}, signal, tempDir }
    const taken = Number(options.samples ?? 0)
    const worth =
      data && calibration
        ? await worths.get(JSON.stringify([hash, data.spec, taken]), () =>
            Worth.open(model, measuredSamples(calibration, taken, SAMPLES), threads, context),
          )
        : null
    const input = { model, calibration, statistics: await statisticsIn(statistics), seed: 0, threads }
    const plan = await technique.plan(input, options, context)
    const file = { path, sizeBytes: summary.sizeBytes, model }
    return previewQuantized(file, technique, plan, worth, context)
  })
}

function statisticsIn(folder: string): Promise<StatisticsStore> {
  return stores.get(folder, async () => remembered(folderStore(folder)))
}

function tooLarge(): BantamError {
  return new BantamError('unsupported', 'Models of more than 1 GB are not tried beforehand.', {
    action: 'Make it: size, accuracy and speed are measured then.',
  })
}
