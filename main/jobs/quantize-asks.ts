/** The warm process's answer to what quantizing would do. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { QuantizePreview } from '../../shared/quantize'
import type { Dataset } from '../data/dataset'
import type { Model } from '../onnx/model'
import { readModel } from '../onnx/read'
import { parseOptions } from '../operations/variant'
import type { StatisticsStore } from '../quantize/calibrate/statistics'
import { folderStore } from '../quantize/calibrate/statistics-folder'
import { remembered } from '../quantize/calibrate/statistics-remembered'
import { measuredSamples } from '../quantize/sensitivity/samples'
import type { StaticOptions } from '../quantize/static/options'
import { previewStatic } from '../quantize/static/preview'
import { staticInt8 } from '../quantize/static-int8'
import { Worth } from '../quantize/worth'
import type { TaskContext } from './context'
import { Kept } from './kept'
import { longAnswers } from './newest-first'
import type { Asks } from './protocol'
import { requireCalibration } from './tasks/samples'

type Ask = Asks['quantize']['ask']
type Open = (data: Ask['data']) => Promise<Dataset>

/** Most samples that a preview is measured on. */
const SAMPLES = 512

/** By hash of the parent, options and data: a screen asks for the same again and again. */
const previews = new Kept<QuantizePreview>(64)
const models = new Kept<Model>(2)
const stores = new Kept<StatisticsStore>(1)
/** What the parents answer to the samples. */
const worths = new Kept<Worth>(2)

/**
 * What a step of static int8 would do. From the second question about a model and data on, ranges come from kept
 * statistics. `open` opens the data. Throws `bad-option` for options that are invalid, `bad-data` without samples outside
 * the test split, and what planning and running throw.
 */
export function previewQuantizing(ask: Ask, open: Open): Promise<QuantizePreview> {
  const given = parseOptions(staticInt8, ask.step.options) as StaticOptions // of this technique's schema
  const { options, notes } = quicker(given)
  const key = JSON.stringify([ask.parent.hash, options, notes, ask.data.spec])
  return previews.get(key, async () => {
    const preview = await longAnswers.add(signal => make(ask, options, open, signal))
    return { ...preview, notes: [...preview.notes, ...notes] }
  })
}

async function make(
  { parent, data, threads, statistics }: Ask,
  options: StaticOptions,
  open: Open,
  signal: AbortSignal,
): Promise<QuantizePreview> {
  const { path, hash, summary } = parent
  const model = await models.get(hash, () => readModel(path))
  const calibration = requireCalibration(await open(data))
  const tempDir = await mkdtemp(join(tmpdir(), 'bantam-quantize-'))
  const context: TaskContext = { progress() {}, log() {}, signal, tempDir }
  try {
    const samples = measuredSamples(calibration, options.samples, SAMPLES)
    const worth = await worths.get(JSON.stringify([hash, data.spec, options.samples]), () =>
      Worth.open(model, samples, threads, context),
    )
    const input = { model, calibration, statistics: await statisticsIn(statistics), seed: 0, threads }
    const plan = await staticInt8.plan(input, options, context)
    return await previewStatic({ path, sizeBytes: summary.sizeBytes, model }, plan, worth, context)
  } finally {
    await rm(tempDir, { recursive: true, force: true })
  }
}

function statisticsIn(folder: string): Promise<StatisticsStore> {
  return stores.get(folder, async () => remembered(folderStore(folder)))
}

/** Options without what learns for long, and notes of what the job does otherwise. */
function quicker(given: StaticOptions): { options: StaticOptions; notes: string[] } {
  if (given.rounding === 'nearest') return { options: given, notes: [] }
  return {
    options: { ...given, rounding: 'nearest' },
    notes: [
      'Weights are rounded to nearest for this preview; the job learns how to round them, and loses less.',
    ],
  }
}
