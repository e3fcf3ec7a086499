/** The parts that the Node and the browser example share, as source text. */
import type { ArrayPreprocessing, ImagePreprocessing } from '../domain'
import {
  type ExampleInput,
  type ExampleModel,
  exampleInputs,
  imageOf,
  isIdentity,
  literal,
  textOf,
} from './model'
import { portable, roleOf, TOKENIZE_JS } from './text'

/** Reads .npy bytes into `{ type, dims, data }`. */
const READ_NPY = `const NPY_TYPES = {
  '<f4': ['float32', Float32Array], '<f8': ['float64', Float64Array], '<f2': ['float16', Uint16Array],
  '|i1': ['int8', Int8Array], '|u1': ['uint8', Uint8Array], '<i2': ['int16', Int16Array], '<u2': ['uint16', Uint16Array],
  '<i4': ['int32', Int32Array], '<u4': ['uint32', Uint32Array], '<i8': ['int64', BigInt64Array],
  '<u8': ['uint64', BigUint64Array], '|b1': ['bool', Uint8Array],
}

/** Reads a .npy file's bytes. */
function readNpy(bytes) {
  const wide = bytes[6] > 1
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true)
  const start = (wide ? 12 : 10) + length
  const header = new TextDecoder('latin1').decode(bytes.subarray(wide ? 12 : 10, start))
  const [type, Values] = NPY_TYPES[/'descr': *'([^']+)'/.exec(header)[1]] ?? []
  if (!Values || /'fortran_order': *True/.test(header)) throw new Error('This kind of .npy file is not read here.')
  const dims = /'shape': *\\(([^)]*)\\)/.exec(header)[1].split(',').filter(d => d.trim() !== '').map(Number)
  return { type, dims, data: new Values(new Uint8Array(bytes.subarray(start)).buffer) }
}`

const ARRAYS: Record<string, string> = {
  float64: 'Float64Array',
  int8: 'Int8Array',
  uint8: 'Uint8Array',
  int16: 'Int16Array',
  uint16: 'Uint16Array',
  int32: 'Int32Array',
  uint32: 'Uint32Array',
}
/** Types whose arrays do not hold plain numbers of their own kind. */
const RAW_ARRAYS: Record<string, string> = {
  ...ARRAYS,
  float16: 'Uint16Array',
  int64: 'BigInt64Array',
  uint64: 'BigUint64Array',
  bool: 'Uint8Array',
}

/** Gives float32 values the type of the model's input. */
function convertCode(type: string): string {
  if (type === 'float32') return 'const convert = tensor => tensor'
  if (type === 'int64' || type === 'uint64') {
    const array = type === 'int64' ? 'BigInt64Array' : 'BigUint64Array'
    return `const convert = ({ dims, data }, type) => ({ type, dims, data: ${array}.from(data, x => BigInt(Math.round(x))) })`
  }
  if (type === 'float16') {
    return `/** float32 → float16 bits, round to nearest even. */
function convert({ dims, data }, type) {
  const view = new DataView(new ArrayBuffer(4))
  const half = value => {
    view.setFloat32(0, value)
    const bits = view.getUint32(0)
    const sign = (bits >>> 16) & 0x8000
    const exponent = ((bits >>> 23) & 255) - 112
    let fraction = bits & 0x7fffff
    if (exponent === 143) return sign | 0x7c00 | (fraction ? 0x200 : 0)
    if (exponent >= 31) return sign | 0x7c00
    const shift = exponent > 0 ? 13 : 14 - exponent
    if (shift > 24) return sign
    if (exponent <= 0) fraction |= 0x800000
    const rest = fraction & ((1 << shift) - 1)
    const middle = 1 << (shift - 1)
    const kept = fraction >>> shift
    const rounded = rest > middle || (rest === middle && kept & 1) ? kept + 1 : kept
    return sign | ((exponent > 0 ? exponent << 10 : 0) + rounded)
  }
  return { type, dims, data: Uint16Array.from(data, half) }
}`
  }
  const array = ARRAYS[type]
  if (!array)
    return `const convert = () => { throw new Error(${literal(`Inputs of type ${type} must be given as .npy.`)}) }`
  const value = type === 'float64' ? 'x' : 'Math.round(x)'
  return `const convert = ({ dims, data }, type) => ({ type, dims, data: ${array}.from(data, x => ${value}) })`
}

/** Turns a tensor of raw values into the model's input of the given type. */
function arrayCode(p: ArrayPreprocessing | null, type: string): string {
  if (!p || isIdentity(p))
    return `/** The model takes the values as they are, in its own type. */
function prepare(tensor) {
  if (tensor.type === ${literal(type)}) return tensor
  return convert({ type: 'float32', dims: tensor.dims, data: Float32Array.from(tensor.data, Number) }, ${literal(type)})
}`
  return `/** (x * scale - mean) / std, as float32; a mean and std for every place on the last axis, or one for all. */
function prepare(tensor) {
  const { scale, mean, std } = preprocessing
  const data = Float32Array.from(tensor.data, (x, i) => (Number(x) * scale - mean[i % mean.length]) / std[i % std.length])
  return convert({ type: 'float32', dims: tensor.dims, data }, ${literal(type)})
}`
}

/**
 * Pictures → model input as the engine does it, to the last bit: `prepare` takes
 * `{ width, height, data }` with 8-bit red, green and blue interleaved.
 */
function pictureCode(p: ImagePreprocessing, type: string): string {
  const place = p.layout === 'NCHW' ? '(c * height + y) * width + x' : '(y * width + x) * channels + c'
  const dims = p.layout === 'NCHW' ? '[1, channels, height, width]' : '[1, height, width, channels]'
  return `${p.channels === 'gray' ? GRAY : 'const channels = 3\nconst colours = picture => picture'}

${p.interpolation === 'nearest' ? NEAREST : weightedCode(p.interpolation)}

${FITS[p.fit]}

/** (pixel * scale - mean) / std per channel; padding is padValue in place of pixel * scale. */
function prepare(picture) {
  const { width, height, scale, mean, std, padValue } = preprocessing
  const { image, left, top } = fit(colours(picture), width, height)
  const data = new Float32Array(channels * width * height)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [row, column] = [y - top, x - left]
      const inside = row >= 0 && row < image.height && column >= 0 && column < image.width
      for (let c = 0; c < channels; c++) {
        const pixel = image.data[(row * image.width + column) * channels + ${p.channels === 'bgr' ? '2 - c' : 'c'}]
        data[${place}] = ((inside ? pixel * scale : padValue) - mean[c % mean.length]) / std[c % std.length]
      }
    }
  }
  return convert({ type: 'float32', dims: ${dims}, data }, ${literal(type)})
}`
}

const GRAY = `const channels = 1
/** ITU-R 601 luma, as Pillow rounds it. */
function colours({ width, height, data }) {
  const gray = new Uint8Array(width * height)
  for (let i = 0; i < gray.length; i++) {
    gray[i] = (data[3 * i] * 19595 + data[3 * i + 1] * 38470 + data[3 * i + 2] * 7471 + 32768) >> 16
  }
  return { width, height, data: gray }
}`

const NEAREST = `/** The pixel at floor((o + 1/2) * input / output). */
function resize(image, width, height) {
  const data = new Uint8Array(width * height * channels)
  for (let y = 0, at = 0; y < height; y++) {
    const row = Math.min(image.height - 1, Math.floor((y + 0.5) * (image.height / height)))
    for (let x = 0; x < width; x++) {
      const column = Math.min(image.width - 1, Math.floor((x + 0.5) * (image.width / width)))
      for (let c = 0; c < channels; c++) data[at++] = image.data[(row * image.width + column) * channels + c]
    }
  }
  return { width, height, data }
}`

function weightedCode(interpolation: 'bilinear' | 'bicubic'): string {
  const filter =
    interpolation === 'bilinear'
      ? `const REACH = 1
const filter = x => Math.max(0, 1 - Math.abs(x))`
      : `const REACH = 2
const filter = x => {
  const d = Math.abs(x)
  return d < 1 ? (1.5 * d - 2.5) * d * d + 1 : d < 2 ? (((d - 5) * d + 8) * d - 4) * -0.5 : 0
}`
  return `// Resizing as Pillow does it: an antialiased filter, weights in 22 bits, rows first.
${filter}
function resize(image, width, height) {
  const wide = width === image.width ? image : along(image, width, image.height, image.width, width, true)
  return height === wide.height ? wide : along(wide, width, height, wide.height, height, false)
}

function along(image, width, height, from, to, isRow) {
  const scale = from / to
  const stretch = Math.max(scale, 1)
  const taps = Array.from({ length: to }, (_, place) => {
    const center = (place + 0.5) * scale
    const low = Math.max(0, Math.trunc(center - REACH * stretch + 0.5))
    const high = Math.min(from, Math.trunc(center + REACH * stretch + 0.5))
    const raw = Array.from({ length: high - low }, (_, k) => filter((k + low - center + 0.5) * (1 / stretch)))
    const sum = raw.reduce((a, b) => a + b, 0)
    return { low, weights: raw.map(w => Math.sign(w) * Math.floor(Math.abs((sum === 0 ? w : w * (1 / sum)) * 2 ** 22) + 0.5)) }
  })
  const data = new Uint8Array(width * height * channels)
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const { low, weights } = taps[isRow ? x : y]
      for (let c = 0; c < channels; c++) {
        let sum = 2 ** 21
        for (let k = 0; k < weights.length; k++) {
          const [row, column] = isRow ? [y, low + k] : [low + k, x]
          sum += image.data[(row * image.width + column) * channels + c] * weights[k]
        }
        data[at++] = Math.min(255, Math.max(0, Math.floor(sum / 2 ** 22)))
      }
    }
  }
  return { width, height, data }
}`
}

const FITS: Record<ImagePreprocessing['fit'], string> = {
  stretch: `const fit = (image, width, height) => ({ image: resize(image, width, height), left: 0, top: 0 })`,
  pad: `/** The whole picture, centred. */
function fit(image, width, height) {
  const ratio = Math.min(width / image.width, height / image.height)
  const w = Math.min(width, Math.max(1, Math.round(image.width * ratio)))
  const h = Math.min(height, Math.max(1, Math.round(image.height * ratio)))
  return { image: resize(image, w, h), left: Math.floor((width - w) / 2), top: Math.floor((height - h) / 2) }
}`,
  crop: `/** The middle of a picture that covers the crop times cropScale; a negative place cuts off. */
function fit(image, width, height) {
  const wide = Math.round(width * preprocessing.cropScale)
  const high = Math.round(height * preprocessing.cropScale)
  const [w, h] = wide * image.height >= high * image.width
    ? [wide, Math.max(high, Math.floor((wide * image.height) / image.width))]
    : [Math.max(wide, Math.floor((high * image.width) / image.height)), high]
  const even = value => (value % 1 === 0.5 ? 2 * Math.round(value / 2) : Math.round(value))
  return { image: resize(image, w, h), left: -even((w - width) / 2), top: -even((h - height) / 2) }
}`,
}

/** Reading, preparing and explaining: what does not depend on where the program runs. */
export function coreCode(model: ExampleModel): string {
  const { preprocessing: p } = model
  const npy = readsNpy(model) ? [READ_NPY] : []
  if (p?.kind === 'text') return [...npy, TOKENIZE_JS, explainCode(model)].join('\n\n')
  const type = model.inputs[0]?.type ?? 'float32'
  const prepare = p?.kind === 'image' ? pictureCode(p, type) : arrayCode(p, type)
  return [...npy, convertCode(type), prepare, explainCode(model)].join('\n\n')
}

/** Whether the program reads .npy files: the samples of a bundle, or files that are no pictures. */
export function readsNpy(model: ExampleModel): boolean {
  if (textOf(model)) return model.bundle !== null
  return model.bundle !== null || imageOf(model) === null || model.inputs.length > 1
}

/** What a program that stands alone knows: preprocessing and classes as literals. */
export function aloneCode(model: ExampleModel): string {
  const { preprocessing: p } = model
  return [
    ...(p === null || isIdentity(p)
      ? []
      : [`const preprocessing = ${literal(p.kind === 'text' ? portable(p) : p)}`]),
    ...(model.answer === null ? [] : [`const labels = ${literal(model.classes)}`]),
  ].join('\n')
}

/** An input of zeros as the examples hold tensors. */
export function zerosCode(input: ExampleInput): string {
  const { type, size } = input
  const data =
    type === 'string' ? `new Array(${size}).fill('')` : `new ${RAW_ARRAYS[type] ?? 'Float32Array'}(${size})`
  return `{ type: ${literal(type)}, dims: [${input.shape.join(', ')}], data: ${data} }`
}

/** The part of a sample's tokens (`fed`) that an input takes, as the examples hold tensors. */
export function tokensCode(model: ExampleModel, input: ExampleInput): string {
  const values = `fed.${roleOf(model, input)}`
  const array = RAW_ARRAYS[input.type] ?? 'Float32Array'
  const data = array.startsWith('Big') ? `${array}.from(${values}, BigInt)` : `${array}.from(${values})`
  return `{ type: ${literal(input.type)}, dims: [1, ${values}.length], data: ${data} }`
}

/** Names of the inputs, in the order in which files are given. */
export function inputNames(model: ExampleModel): string {
  return exampleInputs(model)
    .map(i => literal(i.name))
    .join(', ')
}

/** Explains the outputs: classes with their probabilities, or the first values. */
function explainCode(model: ExampleModel): string {
  const half = model.outputs.some(o => o.type === 'float16')
  const numbers = half
    ? `function numbers(tensor) {
  if (tensor.type !== 'float16' || !(tensor.data instanceof Uint16Array)) return Array.from(tensor.data, Number)
  return Array.from(tensor.data, bits => {
    const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023]
    if (exponent === 31) return fraction ? NaN : sign * Infinity
    return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15))
  })
}`
    : `function numbers(tensor) {
  return Array.from(tensor.data, Number)
}`
  if (model.answer === null) {
    return `${numbers}

/** The first values of every output. */
function explain(results) {
  return Object.entries(results).map(([name, t]) => \`\${name} [\${t.dims}]: \${numbers(t).slice(0, 8).join(', ')}\`)
}`
  }
  return `${numbers}

/** The likeliest classes. Values that are no distribution yet go through softmax. */
function explain(results) {
  const output = results[${literal(model.answer)}]
  const values = numbers(output).slice(0, output.dims.at(-1))
  const sum = values.reduce((a, b) => a + b, 0)
  const isDistribution = values.every(v => v >= 0) && Math.abs(sum - 1) < 1e-3
  const highest = Math.max(...values)
  const weights = isDistribution ? values : values.map(v => Math.exp(v - highest))
  const total = weights.reduce((a, b) => a + b, 0)
  return weights
    .map((w, i) => ({ name: labels[i] ?? String(i), share: w / total }))
    .sort((a, b) => b.share - a.share)
    .slice(0, 5)
    .map(({ name, share }) => \`\${name}: \${(share * 100).toFixed(2)} %\`)
}`
}

/** Compares with what Bantam got for the sample. */
export const COMPARE = `/** Largest difference to the answers Bantam got for the sample. */
function compare(results, expected) {
  let largest = 0
  for (const [name, { data }] of Object.entries(expected)) {
    const values = numbers(results[name])
    data.forEach((v, i) => { largest = Math.max(largest, Math.abs(values[i] - v)) })
  }
  return largest
}`
