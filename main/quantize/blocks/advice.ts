/** What to expect of weights in blocks before they are made, from the model's summary alone. */
import type { Advice, Hardware, ModelSummary } from '../../../shared/domain'
import { commonNotes, sizeWhen } from '../advice'
import { tableBits } from './embedding-tables'
import type { Bits } from './grid'
import { bitsPerWeight, type Int4Options, looksAtSamples } from './options'

/** Advice on storing the weights of dense layers, and tables where asked for, in blocks. */
export function adviseBlocks(
  about: { model: ModelSummary; hardware: Hardware },
  options: Int4Options,
  bits: Bits,
): Advice {
  const { layers } = about.model
  const notes = commonNotes(about)
  const excluded = new Set(options.exclude)
  const dense = layers.filter(
    ({ op, name, parameters }) =>
      (op === 'MatMul' || op === 'Gemm') && parameters >= options.least && !excluded.has(name),
  )
  const sum = (list: typeof layers) => list.reduce((total, layer) => total + layer.bytes, 0)
  const share = sum(dense) / (sum(layers) || 1)
  const tables = options.embeddings
    ? layers.filter(({ op, parameters }) => op === 'Gather' && parameters >= options.least)
    : []
  const each = bitsPerWeight(options, bits)
  const inTable = bitsPerWeight({ ...options, fractional: false }, tableBits({ form: options.form, bits }))
  if (dense.length === 0) {
    notes.push({
      code: 'nothing-to-quantize',
      severity: 'warning',
      message: `The model has no dense layer of ${options.least} weights or more; only these are stored in ${bits} bits.`,
    })
  } else {
    notes.push({
      code: 'weight-only-size',
      severity: 'info',
      message: `Dense layers are ${Math.round(100 * share)} % of the weights' bytes; each of their weights takes ${Number(each.toFixed(2))} bits with its share of the scale. Everything else stays as it is.`,
    })
    notes.push({
      code: 'weight-only-speed',
      severity: 'info',
      message:
        'Activations stay in float. One sample at a time is faster where reading weights from memory is what takes the time, as in large language models; batches and small networks are not.',
      ...(options.form === 'nbits' && options.arithmetic === 'float32'
        ? { action: 'Arithmetic in int8 is faster and hardly less exact: try it.' }
        : {}),
    })
  }
  if (looksAtSamples(options)) {
    const gptq = options.rounding === 'gptq' && options.sequential
    notes.push({
      code: 'weight-only-samples',
      severity: 'info',
      message: `Needs data: the model is run over ${options.samples} samples${gptq ? ', up to each layer in turn' : ''}, and time grows with the cube of a layer's inputs.`,
    })
  }
  if (options.fractional) {
    notes.push({
      code: 'fractional-zero-points',
      severity: 'warning',
      message:
        'ONNX Runtime has no 4-bit kernel for fractional zero points: on CPU it makes float weights of the codes in every run, which is 3 to 7 times slower than float (measured).',
      action: 'Leave zero points whole for speed.',
    })
  }
  const chosen = new Set(dense)
  const gathered = new Set(tables)
  const saved = about.model.sizeBytes - sizeWhen(about.model, layer => gathered.has(layer), inTable / 8)
  return {
    notes,
    sizeBytes: sizeWhen(about.model, layer => chosen.has(layer), each / 8) - saved,
    latencyRatio: dense.length > 0 ? { low: 1 - 0.8 * share, high: options.fractional ? 10 : 2.5 } : null,
  }
}
