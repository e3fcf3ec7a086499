import {
  channelCount,
  imageOf,
  isClassifier,
  numberCode,
  padPixel,
  resizeTo,
  type SnippetInput,
  type SnippetModel,
  signature,
  snippetInputs,
} from './snippet-input'

const KERNEL = { nearest: 'nearest', bilinear: 'linear', bicubic: 'cubic' } as const
const FIT = { stretch: 'fill', crop: 'cover', pad: 'contain' } as const

/** JavaScript expression for a tensor's empty data. */
export function arrayCode(input: SnippetInput): string {
  switch (input.type) {
    case 'float64':
      return `new Float64Array(${input.size})`
    case 'int64':
      return `new BigInt64Array(${input.size})`
    case 'uint64':
      return `new BigUint64Array(${input.size})`
    case 'int32':
      return `new Int32Array(${input.size})`
    case 'uint32':
      return `new Uint32Array(${input.size})`
    case 'int16':
      return `new Int16Array(${input.size})`
    case 'uint16':
    case 'float16':
      return `new Uint16Array(${input.size})`
    case 'int8':
      return `new Int8Array(${input.size})`
    case 'uint8':
    case 'bool':
      return `new Uint8Array(${input.size})`
    case 'string':
      return `new Array(${input.size}).fill('')`
    default:
      return `new Float32Array(${input.size})`
  }
}

function feed(input: SnippetInput, data: string): string {
  return `  ${JSON.stringify(input.name)}: new ort.Tensor('${input.type}', ${data}, [${input.shape.join(', ')}]),`
}

/** The prepared float32 values in the input's own type; float16 has no array type that every Node has. */
function converted(input: SnippetInput, prepared: string): string {
  if (input.type === 'float32') return prepared
  const array = /^new (Float64Array|U?[Ii]nt(?:8|16|32)Array)/.exec(arrayCode(input))?.[1]
  if (array && input.type !== 'float16') return `${array}.from(${prepared})`
  return `${arrayCode(input)} /* ${prepared} as ${input.type} */`
}

/** The part Node and the browser share: feeds, run, outputs. */
export function runCode(model: SnippetModel, prepared: string): string {
  const feeds = snippetInputs(model).map((input, i) =>
    feed(input, i === 0 && prepared !== '' ? converted(input, prepared) : arrayCode(input)),
  )
  const outputs = model.outputs.map(o => `// ${signature(o)}`)
  const first = JSON.stringify(model.outputs[0]?.name ?? '')
  const answer = isClassifier(model)
    ? [
        `const scores = results[${first}].data`,
        `const classes = ${JSON.stringify(model.classes)}`,
        'console.log(classes[scores.indexOf(Math.max(...scores))])',
      ]
    : [`console.log(results[${first}].dims, results[${first}].data)`]
  return ['const results = await session.run({', ...feeds, '})', ...outputs, ...answer].join('\n')
}

/** Source of the loop from pixels (height × width × channels, 0…255) to the tensor's values. */
export function pixelLoop(model: SnippetModel, source: string, stride: number): string {
  const image = imageOf(model)
  if (!image) return ''
  const channels = channelCount(image)
  const area = image.height * image.width
  const channel = image.channels === 'bgr' ? '2 - c' : 'c'
  const at = image.layout === 'NCHW' ? `c * ${area} + i` : `i * ${channels} + c`
  const pixel =
    channels === 1 && stride > 1
      ? `0.299 * ${source}[i * ${stride}] + 0.587 * ${source}[i * ${stride} + 1] + 0.114 * ${source}[i * ${stride} + 2]`
      : `${source}[i * ${stride} + ${channel}]`
  return [
    `  const mean = [${image.mean.join(', ')}], std = [${image.std.join(', ')}]`,
    `  const x = new Float32Array(${area * channels})`,
    `  for (let i = 0; i < ${area}; i++) {`,
    `    for (let c = 0; c < ${channels}; c++) {`,
    `      const value = (${pixel}) * (${numberCode(image.scale)})`,
    `      x[${at}] = (value - mean[c % mean.length]) / std[c % std.length]`,
    '    }',
    '  }',
    '  return x',
  ].join('\n')
}

/** A runnable Node program for the model, with the preprocessing it was measured with. */
export function nodeSnippet(model: SnippetModel): string {
  const image = imageOf(model)
  const head = [
    `// npm install onnxruntime-node${image ? ' sharp' : ''}`,
    "import * as ort from 'onnxruntime-node'",
    ...(image ? ["import sharp from 'sharp'"] : []),
    '',
    `const session = await ort.InferenceSession.create(${JSON.stringify(model.file)})`,
    ...model.inputs.map(i => `// ${signature(i)}`),
    '',
  ]
  if (!image) {
    return [...head, ...arrayNote(model, '//'), runCode(model, '')].join('\n')
  }
  const to = resizeTo(image)
  const pad = padPixel(image)
  const background = image.fit === 'pad' ? `, background: { r: ${pad}, g: ${pad}, b: ${pad} }` : ''
  const crop =
    image.fit === 'crop' && image.cropScale > 1
      ? [
          `    .extract({ left: ${Math.round((to.width - image.width) / 2)}, top: ${Math.round((to.height - image.height) / 2)}, width: ${image.width}, height: ${image.height} })`,
        ]
      : []
  return [
    ...head,
    'async function prepare(file) {',
    '  const pixels = await sharp(file)',
    `    .resize(${to.width}, ${to.height}, { fit: '${FIT[image.fit]}', kernel: '${KERNEL[image.interpolation]}'${background} })`,
    ...crop,
    image.channels === 'gray'
      ? "    .removeAlpha().toColourspace('b-w')"
      : "    .removeAlpha().toColourspace('srgb')",
    '    .raw()',
    '    .toBuffer()',
    pixelLoop(model, 'pixels', channelCount(image)),
    '}',
    '',
    runCode(model, "await prepare(process.argv[2] ?? 'picture.png')"),
  ].join('\n')
}

/** What to do with raw values before they are fed, as comment lines; nothing where they go in unchanged. */
export function arrayNote(model: SnippetModel, comment: string): string[] {
  const p = model.preprocessing
  if (p?.kind !== 'array') return []
  const shifted = p.mean.some(m => m !== 0) || p.std.some(s => s !== 1)
  const scaled = p.scale === 1 ? 'x' : `x * (${numberCode(p.scale)})`
  if (shifted) {
    return [
      `${comment} Measured with (${scaled} - mean) / std,`,
      `${comment} mean = [${p.mean.join(', ')}], std = [${p.std.join(', ')}]`,
    ]
  }
  return p.scale === 1 ? [] : [`${comment} Measured with ${scaled}.`]
}
