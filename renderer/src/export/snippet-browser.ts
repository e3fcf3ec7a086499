import { imageOf, padPixel, resizeTo, type SnippetModel, signature } from './snippet-input'
import { arrayNote, pixelLoop, runCode } from './snippet-node'

/** The rectangle an image is drawn to, so that the canvas holds what the model sees. */
function drawCode(model: SnippetModel): string[] {
  const image = imageOf(model)
  if (!image) return []
  const { width, height } = image
  if (image.fit === 'stretch') return [`  pen.drawImage(image, 0, 0, ${width}, ${height})`]
  const to = resizeTo(image)
  const pick = image.fit === 'crop' ? 'max' : 'min'
  const fill =
    image.fit === 'pad'
      ? [
          `  pen.fillStyle = 'rgb(${padPixel(image)} ${padPixel(image)} ${padPixel(image)})'`,
          `  pen.fillRect(0, 0, ${width}, ${height})`,
        ]
      : []
  return [
    ...fill,
    `  const zoom = Math.${pick}(${to.width} / image.width, ${to.height} / image.height)`,
    '  const [w, h] = [image.width * zoom, image.height * zoom]',
    `  pen.drawImage(image, (${width} - w) / 2, (${height} - h) / 2, w, h)`,
  ]
}

/** An ES module for a page, with the preprocessing the model was measured with. */
export function browserSnippet(model: SnippetModel): string {
  const image = imageOf(model)
  const head = [
    '// npm install onnxruntime-web',
    "import * as ort from 'onnxruntime-web'",
    '',
    `const session = await ort.InferenceSession.create('/${encodeURI(model.file)}')`,
    ...model.inputs.map(i => `// ${signature(i)}`),
    '',
  ]
  if (!image) return [...head, ...arrayNote(model, '//'), runCode(model, '')].join('\n')
  return [
    ...head,
    '/** file: a Blob, such as a chosen or dropped picture. */',
    'async function prepare(file) {',
    '  const image = await createImageBitmap(file)',
    `  const pen = new OffscreenCanvas(${image.width}, ${image.height}).getContext('2d')`,
    ...(image.interpolation === 'nearest' ? ['  pen.imageSmoothingEnabled = false'] : []),
    ...drawCode(model),
    `  const pixels = pen.getImageData(0, 0, ${image.width}, ${image.height}).data`,
    pixelLoop(model, 'pixels', 4),
    '}',
    '',
    "const file = await (await fetch('/picture.png')).blob()",
    runCode(model, 'await prepare(file)'),
  ].join('\n')
}
