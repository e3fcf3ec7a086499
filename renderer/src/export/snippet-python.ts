import {
  imageOf,
  isClassifier,
  padPixel,
  resizeTo,
  type SnippetInput,
  type SnippetModel,
  signature,
  snippetInputs,
} from './snippet-input'
import { arrayNote } from './snippet-node'

const FILTER = { nearest: 'NEAREST', bilinear: 'BILINEAR', bicubic: 'BICUBIC' } as const

function numpyType(type: string): string {
  if (type === 'bool') return 'np.bool_'
  if (type === 'string') return 'np.str_'
  return `np.${type}`
}

function zeros(input: SnippetInput): string {
  return `np.zeros((${input.shape.join(', ')}${input.shape.length === 1 ? ',' : ''}), ${numpyType(input.type)})`
}

function prepareCode(model: SnippetModel): string[] {
  const image = imageOf(model)
  if (!image) return []
  const to = resizeTo(image)
  const filter = `Image.Resampling.${FILTER[image.interpolation]}`
  const mode = image.channels === 'gray' ? 'L' : 'RGB'
  const size = `(${image.width}, ${image.height})`
  const fit = {
    stretch: [`    image = image.resize(${size}, ${filter})`],
    crop: [
      `    image = ImageOps.fit(image, (${to.width}, ${to.height}), ${filter})`,
      ...(image.cropScale > 1
        ? [
            `    left, top = ${Math.round((to.width - image.width) / 2)}, ${Math.round((to.height - image.height) / 2)}`,
            `    image = image.crop((left, top, left + ${image.width}, top + ${image.height}))`,
          ]
        : []),
    ],
    pad: [
      `    image = ImageOps.pad(image, ${size}, ${filter}, color=${mode === 'L' ? padPixel(image) : `(${padPixel(image)},) * 3`})`,
    ],
  }[image.fit]
  const list = (values: readonly number[]) => `np.array([${values.join(', ')}], np.float32)`
  return [
    'def prepare(file):',
    `    image = Image.open(file).convert("${mode}")`,
    ...fit,
    `    x = np.asarray(image, np.float32).reshape(${image.height}, ${image.width}, -1) * np.float32(${image.scale})`,
    ...(image.channels === 'bgr' ? ['    x = x[:, :, ::-1]'] : []),
    `    x = (x - ${list(image.mean)}) / ${list(image.std)}`,
    `    return ${image.layout === 'NCHW' ? 'x.transpose(2, 0, 1)[None]' : 'x[None]'}`,
    '',
    '',
  ]
}

/** A runnable Python program for the model, with the preprocessing it was measured with. */
export function pythonSnippet(model: SnippetModel): string {
  const image = imageOf(model)
  const inputs = snippetInputs(model)
  const feeds = inputs.map((input, i) => {
    const value = i === 0 && image ? `prepare(sys.argv[1]).astype(${numpyType(input.type)})` : zeros(input)
    return `    ${JSON.stringify(input.name)}: ${value},`
  })
  const note = arrayNote(model, '#')
  const answer = isClassifier(model)
    ? [`classes = ${JSON.stringify(model.classes)}`, 'print(classes[int(np.argmax(results[0]))])']
    : ['print(results[0].shape, results[0])']
  return [
    `# pip install onnxruntime numpy${image ? ' pillow' : ''}`,
    ...(image ? ['import sys', ''] : []),
    'import numpy as np',
    'import onnxruntime as ort',
    ...(image ? [`from PIL import Image${image.fit === 'stretch' ? '' : ', ImageOps'}`, ''] : ['']),
    `session = ort.InferenceSession(${JSON.stringify(model.file)}, providers=["CPUExecutionProvider"])`,
    ...model.inputs.map(i => `# ${signature(i)}`),
    '',
    ...(image ? ['', ...prepareCode(model)] : note),
    'results = session.run(None, {',
    ...feeds,
    '})',
    ...model.outputs.map(o => `# ${signature(o)}`),
    ...answer,
  ].join('\n')
}
