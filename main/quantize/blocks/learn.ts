/**
 * Writing dense layers whose codes depend on samples: scaled inputs (AWQ), searched ranges, and GPTQ, layer after layer
 * for what the quantized layers before give.
 */
import { BantamError } from '../../../shared/errors'
import { breathe, within } from '../../jobs/context'
import type { Model } from '../../onnx/model'
import { drawSamples } from '../../prune/draw'
import type { ApplyInput, SampleSet } from '../../technique'
import { editableCopy } from '../copy'
import { scaleInputs } from './awq'
import { codeBlocks } from './blocks'
import { factorInputs } from './factor'
import { gptq } from './gptq'
import { eachInput, type From, type InputGroup, type InputMoments, inputGroups, stagesOf } from './inputs'
import type { BlockDecisions } from './options'
import { Products } from './products'
import type { BlockWriter, Coder } from './write'

/** Samples to look at. Throws `bad-data` without any. */
export function samplesFor(samples: SampleSet | undefined, count: number, seed: number): SampleSet {
  if (samples && samples.indices.length > 0) return drawSamples(samples, count, seed)
  throw new BantamError('bad-data', 'gptq, awq and clipping look at samples, and there are none.', {
    action: 'Give data, or choose the rounding nearest or hqq without scaling and clipping.',
  })
}

/**
 * Writes all layers. The same model, decisions, samples, processor and number of threads give the same bytes.
 * @param model is edited, by the writer too
 */
export async function writeLearnt(
  model: Model,
  writer: BlockWriter,
  decisions: BlockDecisions,
  run: Pick<ApplyInput, 'training' | 'threads' | 'context'>,
  seed: number,
): Promise<void> {
  const { layers, rounding, scaling, clip, sequential } = decisions
  const samples = samplesFor(run.training, decisions.samples ?? Number.POSITIVE_INFINITY, seed)
  const from: From = { samples, threads: run.threads }
  const scaled = scaling === 'awq' ? 0.3 : 0
  if (scaling === 'awq') {
    await scaleInputs(model, layers, decisions, from, within(run.context, 0, scaled))
    model.graph.sort()
  }
  const context = within(run.context, scaled, 1)
  if (rounding !== 'gptq' && !clip) return writer.writeAll(context)
  const changing = rounding === 'gptq' && sequential
  const stages = changing
    ? stagesOf(model, layers).map(stage => inputGroups(model, stage))
    : inputGroups(model, layers).map(group => [group])
  const source = changing ? model : editableCopy(model)
  const products = await Products.open(run.threads)
  try {
    await eachInput(source, stages, { ...from, changing }, context, async (group, inputs, told) => {
      const pause = () => breathe(told)
      const coder = await coderFor(group, inputs, decisions, products, pause)
      for (const [i, layer] of group.layers.entries()) {
        told.progress(i / group.layers.length, `Rounding the weights of ${layer.id}`)
        await writer.writeLayer(layer, coder, pause)
        await pause()
      }
    })
  } finally {
    await products.close()
  }
}

async function coderFor(
  { k }: InputGroup,
  { moments }: InputMoments,
  decisions: BlockDecisions,
  products: Products,
  pause: () => Promise<void>,
): Promise<Coder> {
  const { rounding, clip, ...options } = decisions
  if (rounding !== 'gptq') {
    return (values, layer, factor) =>
      codeBlocks(values, layer, { ...options, rounding }, factor, pause, clip ? moments : undefined)
  }
  const inputs = await factorInputs(moments, k, decisions, products, pause)
  return (values, layer, factor) => gptq(values, layer, decisions, inputs, products, factor, pause)
}
