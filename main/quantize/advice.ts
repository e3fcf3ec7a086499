/**
 * What to expect of a quantization before it is run, from the model's summary and the processor alone.
 * Ranges of latency are wide on purpose: they cover what was measured on small and middle-sized networks.
 */
import type { Advice, Hardware, LayerSummary, ModelSummary, Note } from '../../shared/domain'
import { hasInt8Instructions } from '../measure/hardware'
import type { StaticOptions } from './static/options'

interface About {
  model: ModelSummary
  hardware: Hardware
}

const PRODUCTS = new Set(['Conv', 'Gemm', 'MatMul', 'ConvTranspose'])
/** Below this many multiply-accumulates, moving data costs more than computing. */
const SMALL_MACS = 2_000_000
const QUANTIZED =
  /^(QuantizeLinear|DequantizeLinear|QLinear|QGemm|MatMulInteger|ConvInteger|DynamicQuantize|MatMulNBits)/

/** True on x86 processors where U8S8 products are summed in saturating 16-bit pairs. */
export function saturates(hardware: Hardware): boolean {
  return ['x64', 'ia32'].includes(hardware.arch) && hasInt8Instructions(hardware) === false
}

/** Share of the known multiply-accumulates that the given operators do. */
export function macShare(model: ModelSummary, operators: readonly string[]): number {
  const sum = (layers: LayerSummary[]) => layers.reduce((total, layer) => total + (layer.macs ?? 0), 0)
  const all = sum(model.layers)
  return all > 0 ? sum(model.layers.filter(layer => operators.includes(layer.op))) / all : 0
}

/** Share of the weights' bytes that the given operators read. */
function byteShare(model: ModelSummary, operators: readonly string[]): number {
  const sum = (layers: LayerSummary[]) => layers.reduce((total, layer) => total + layer.bytes, 0)
  const all = sum(model.layers)
  return all > 0 ? sum(model.layers.filter(layer => operators.includes(layer.op))) / all : 0
}

/**
 * Size when the weights of the given layers shrink from 4 bytes to `bytes` each, or as many as it says of a layer (never
 * larger than it is).
 */
export function sizeWhen(
  model: ModelSummary,
  shrinks: (layer: LayerSummary) => boolean,
  bytes: number | ((layer: LayerSummary) => number),
): number {
  const left = typeof bytes === 'number' ? () => bytes : bytes
  const shrunk = model.layers.filter(layer => shrinks(layer) && layer.bytes >= 4 * layer.parameters)
  const saved = shrunk.reduce((sum, layer) => sum + layer.parameters * (4 - left(layer)), 0)
  const least = Math.min(4, ...shrunk.map(left))
  return Math.max(Math.round(model.sizeBytes * least) / 4, model.sizeBytes - saved)
}

/** Notes that hold for every quantization. */
export function commonNotes({ model }: About): Note[] {
  const notes: Note[] = []
  const done = Object.keys(model.operators).filter(op => QUANTIZED.test(op))
  if (done.length > 0) {
    notes.push({
      code: 'already-quantized',
      severity: 'warning',
      message: `The model is already quantized: it holds ${done.slice(0, 3).join(', ')}.`,
      action: 'Start from the float model instead.',
    })
  }
  if (model.inputs.some(i => i.type === 'float16') || model.notes.some(n => n.code === 'float16')) {
    notes.push({
      code: 'already-float16',
      severity: 'warning',
      message: 'The model computes in float16; only float32 values are quantized.',
      action: 'Start from the float32 model instead.',
    })
  }
  if (model.macs > 0 && model.macs < SMALL_MACS) {
    notes.push({
      code: 'very-small',
      severity: 'info',
      message: `The model does only ${(model.macs / 1e6).toFixed(2)} million multiply-accumulates: starting its operators costs more than they do, so do not expect it to get faster.`,
    })
  }
  return notes
}

/** Advice on static int8. */
export function adviseStatic(about: About, options: StaticOptions): Advice {
  const { model, hardware } = about
  const notes = commonNotes(about)
  const share = macShare(model, ['Conv', 'Gemm', 'MatMul'])
  if (share === 0) {
    notes.push({
      code: 'nothing-to-quantize',
      severity: 'warning',
      message:
        'The model has no convolution or matrix product whose cost is known; int8 has little to work on.',
    })
  }
  if (options.weights === 'int4' || options.activations === 'float') {
    return {
      notes: [...notes, slowNote(options)],
      sizeBytes: staticSize(model, options),
      latencyRatio: IN_FLOAT,
    }
  }
  if (hasInt8Instructions(hardware) === false) {
    notes.push({
      code: 'no-int8-instructions',
      severity: 'warning',
      message: `This processor (${hardware.cpu}) has no VNNI, AMX or dot-product instructions for int8: expect little or no speed-up here.`,
      action: 'Measure on the machine the model is for.',
    })
  }
  if (options.format === 'U8S8' && !options.reduceRange && saturates(hardware)) {
    notes.push({
      code: 'saturation',
      severity: 'warning',
      message:
        'Without VNNI, sums of U8S8 products can saturate at 16 bits, and answers then differ from those on newer machines.',
      action: 'Choose seven-bit weights, or the format U8U8.',
    })
  }
  if (options.format === 'S8S8' && hardware.arch === 'x64') {
    notes.push({
      code: 's8-on-x86',
      severity: 'warning',
      message:
        'On x86, ONNX Runtime has no integer kernels for S8S8 and turns it into U8S8 when it loads the model, but not where a value has several readers, as around residual connections: there it computes in float.',
      action: 'Choose U8S8 for x86; S8S8 is for ARM and accelerators.',
    })
  }
  const small = model.macs < SMALL_MACS
  const latency = hasInt8Instructions(hardware)
    ? { low: small ? 0.5 : 0.25, high: small ? 1.4 : 0.9 }
    : { low: 0.6, high: 1.5 }
  return {
    notes,
    sizeBytes: staticSize(model, options),
    latencyRatio: share > 0 ? latency : null,
  }
}

/** Weights are made float while the model runs, before each layer. */
const IN_FLOAT = { low: 0.95, high: 2.5 }

function slowNote({ weights, activations }: StaticOptions): Note {
  if (activations === 'float')
    return {
      code: 'weight-only-speed',
      severity: 'info',
      message: `Weights are stored in ${weights === 'int4' ? 4 : 8} bits and computed with in float: the file gets smaller, but on CPU the model gets no faster.`,
    }
  return {
    code: 'int4-speed',
    severity: 'warning',
    message:
      'ONNX Runtime on CPU has no kernel for 4-bit weights with 8-bit activations: it computes in float, and rounding activations costs time on top.',
    action: 'For CPU, choose float activations; 8-bit ones are for accelerators.',
  }
}

function staticSize(model: ModelSummary, { operators, weights, edges }: StaticOptions): number {
  const layers = model.layers.filter(layer => operators.includes(layer.op) && PRODUCTS.has(layer.op))
  const ends = new Set(edges === 'int4' ? [] : [layers[0], layers.at(-1)])
  const bytes = (layer: LayerSummary) => (weights === 'int4' && !ends.has(layer) ? 0.5 : 1)
  return sizeWhen(model, layer => layers.includes(layer), bytes)
}

/** Advice on dynamic int8. `convolutions`: whether these are quantized too. */
export function adviseDynamic(about: About, options: { convolutions: boolean; embeddings: boolean }): Advice {
  const { model, hardware } = about
  const notes = commonNotes(about)
  const convolutional = macShare(model, ['Conv', 'ConvTranspose'])
  if (options.convolutions && (model.operators.Conv ?? 0) > 0) {
    notes.push({
      code: 'dynamic-convolution',
      severity: 'warning',
      message:
        'ONNX Runtime runs dynamically quantized convolutions 8 to 13 times slower than float ones (measured).',
      action: 'Use static int8 for convolutional networks.',
    })
  } else if (convolutional > 0.5) {
    notes.push({
      code: 'dynamic-on-convolutions',
      severity: 'warning',
      message: `${Math.round(convolutional * 100)} % of the work is in convolutions, which dynamic int8 leaves in float: quantizing them so makes them 8 to 13 times slower (measured).`,
      action: 'Use static int8 for convolutional networks.',
    })
  }
  if (hasInt8Instructions(hardware) === false) {
    notes.push({
      code: 'no-int8-instructions',
      severity: 'warning',
      message: `This processor (${hardware.cpu}) has no VNNI, AMX or dot-product instructions for int8: expect little or no speed-up here.`,
      action: 'Measure on the machine the model is for.',
    })
  }
  const operators = [
    'Gemm',
    'MatMul',
    ...(options.embeddings ? ['Gather'] : []),
    ...(options.convolutions ? ['Conv'] : []),
  ]
  const slow = options.convolutions && convolutional > 0
  // At batch 1 matrix products are bound by the bytes of their weights rather than by arithmetic.
  const products = Math.max(macShare(model, ['Gemm', 'MatMul']), byteShare(model, ['Gemm', 'MatMul']))
  return {
    notes,
    sizeBytes: sizeWhen(model, layer => operators.includes(layer.op), 1),
    latencyRatio: slow
      ? { low: 2, high: 13 }
      : { low: 1 - 0.7 * products, high: hasInt8Instructions(hardware) ? 1.2 : 1.6 },
  }
}

/** Advice on storing weights in int8 and computing in float. */
export function adviseWeightOnly(about: About): Advice {
  const notes = commonNotes(about)
  notes.push({
    code: 'weight-only-speed',
    severity: 'info',
    message:
      'Weights are stored in 8 bits and computed with in float: the file gets smaller, the answers hardly change, and on CPU the model gets no faster.',
  })
  return {
    notes,
    sizeBytes: sizeWhen(
      about.model,
      layer => layer.parameters > 0 && (PRODUCTS.has(layer.op) || layer.op === 'Gather'),
      1,
    ),
    latencyRatio: { low: 0.9, high: 2.5 },
  }
}

/** Advice on float16. */
export function adviseHalf(about: About): Advice {
  const notes = commonNotes(about)
  notes.push({
    code: 'float16-on-cpu',
    severity: 'warning',
    message:
      'On CPU float16 is no faster than float32: ONNX Runtime converts most values back. It halves the file, and is fast on GPUs.',
  })
  return {
    notes,
    sizeBytes: sizeWhen(about.model, layer => layer.parameters > 0, 2),
    latencyRatio: { low: 0.9, high: 2 },
  }
}
