/** The warm process's answer to what is in a layer. */
import type { LayerDetail } from '../../shared/quantize'
import type { Dataset } from '../data/dataset'
import type { Model } from '../onnx/model'
import { readModel } from '../onnx/read'
import { parseOptions } from '../operations/variant'
import { folderStore } from '../quantize/calibrate/statistics-folder'
import { layerDetail } from '../quantize/sensitivity/detail'
import type { StaticOptions } from '../quantize/static/options'
import { staticInt8 } from '../quantize/static-int8'
import { Kept } from './kept'
import { longAnswers } from './newest-first'
import type { Asks } from './protocol'
import { withScratch } from './scratch'
import { requireCalibration } from './tasks/samples'

type Ask = Asks['layer']['ask']
type Open = (data: Ask['data']) => Promise<Dataset>

/** By model, data, options and layer: a screen goes back and forth. */
const details = new Kept<LayerDetail>(64)
/** Prepared once, it is planned from kept statistics for layer after layer. */
const models = new Kept<Model>(1)

/** Looks into a layer. Throws `bad-option` for options that are invalid, `not-found`, and what planning throws. */
export function lookIntoLayer(ask: Ask, open: Open): Promise<LayerDetail> {
  const given = parseOptions(staticInt8, ask.options) as StaticOptions // of this technique's schema
  // What learns takes minutes, and changes nothing of what is shown here: ranges and histograms.
  const options: StaticOptions = { ...given, rounding: 'nearest', biasCorrection: 'none' }
  const key = JSON.stringify([ask.model.hash, ask.data.spec, options, ask.layer])
  return details.get(key, () => longAnswers.add(signal => look(ask, options, open, signal)))
}

async function look(ask: Ask, options: StaticOptions, open: Open, signal: AbortSignal): Promise<LayerDetail> {
  const { layer, threads, statistics } = ask
  const model = await models.get(ask.model.hash, () => readModel(ask.model.path))
  const calibration = requireCalibration(await open(ask.data))
  const request = { model, options, calibration, threads, layer, statistics: folderStore(statistics) }
  return withScratch(tempDir => layerDetail(request, { progress() {}, log() {}, signal, tempDir }))
}
