/** The browser example. */
import { escapeText } from '../escape'
import { aloneCode, COMPARE, coreCode, inputNames, zerosCode } from './javascript'
import {
  type ExampleModel,
  exampleInputs,
  headLines,
  imageOf,
  literal,
  oneLine,
  RUNTIME,
  sampleFile,
} from './model'

/** Files by their paths inside a bundle. */
export function browserExample(model: ExampleModel): Record<string, string> {
  const manifest = {
    name: 'bantam-browser-example',
    private: true,
    dependencies: { 'onnxruntime-web': RUNTIME },
  }
  return {
    'browser/package.json': `${JSON.stringify(manifest, null, 2)}\n`,
    'browser/index.html': browserPage(model),
  }
}

/** A page that runs the model, with the preprocessing it was measured with. A picked file feeds the first input. */
export function browserPage(model: ExampleModel): string {
  const isImage = imageOf(model) !== null
  const name = escapeText(oneLine(model.name))
  const { bundle } = model
  const setup = bundle
    ? `<!-- Needs a web server at the bundle's folder and ONNX Runtime Web:
     cd browser && npm install && cd .. && npx serve    then open /browser/ -->`
    : `<!-- Needs a web server at its folder, with the model and ONNX Runtime Web:
     npm install onnxruntime-web@${RUNTIME} && npx serve -->`
  return `<!doctype html>
${setup}
<html lang="en">
<meta charset="utf-8">
<link rel="icon" href="data:,">
<title>${name}</title>
<h1>${name}</h1>
<p><label>${isImage ? 'A picture' : 'A .npy file of raw values'}: <input id="file" type="file"${isImage ? ' accept="image/*"' : ' accept=".npy"'}></label></p>
<pre id="answer">Loading…</pre>
<script type="module">
${headLines(model, '//').map(inScript).join('\n')}
import * as ort from './node_modules/onnxruntime-web/dist/ort.min.mjs'

const INPUTS = [${inputNames(model)}]
const show = lines => { document.querySelector('#answer').textContent = lines.join('\\n') }
${bundle ? BESIDE : aloneCode(model)}

${coreCode(model)}

${isImage ? LOAD_PICTURE : LOAD_ARRAY}
${bundle ? `\n${COMPARE}\n` : ''}
/** Runs the model on ${bundle ? 'the sample' : 'zeros'}, with the picked tensor in place of its first input. */
async function run(picked) {
  const tensors = [
${exampleInputs(model)
  .map((input, i) => `    ${bundle ? `readNpy(await bytes(${literal(sampleFile(i))}))` : zerosCode(input)},`)
  .join('\n')}
  ]
  if (picked) tensors[0] = picked
  return session.run(Object.fromEntries(INPUTS.map((name, i) => {
    const { type, data, dims } = tensors[i]
    return [name, new ort.Tensor(type, data, dims)]
  })))
}

let session
try {
  session = await ort.InferenceSession.create(${bundle ? `'../model.onnx'${externalCode(bundle.external)}` : literal(`./${encodeURI(model.file)}`)})
  ${bundle ? RUN_SAMPLE : "show(['Ready: choose a file.'])"}
} catch (error) {
  show([String(error)])
}
document.querySelector('#file').addEventListener('change', async event => {
  try {
    const [file] = event.target.files
    if (file) show(explain(await run(await load(file))))
  } catch (error) {
    show([String(error)])
  }
})
</script>
</html>
`
}

/** A comment line that cannot end the script element. */
function inScript(line: string): string {
  return line.replaceAll('<', '(')
}

function externalCode(files: readonly string[]): string {
  const list = files.map(d => `{ path: ${literal(d)}, data: ${literal(`../${d}`)} }`)
  return files.length > 0 ? `, { externalData: [${list.join(', ')}] }` : ''
}

const BESIDE = `const get = async name => {
  const response = await fetch(\`../\${name}\`)
  if (!response.ok) throw new Error(\`\${name}: \${response.status}\`)
  return response
}
const bytes = async name => new Uint8Array(await (await get(name)).arrayBuffer())
const json = async name => (await get(name)).json()
const preprocessing = await json('preprocessing.json')
const labels = await json('labels.json')`

const RUN_SAMPLE = `const results = await run()
  show([...explain(results), \`Largest difference to Bantam's answers: \${compare(results, await json('sample/expected.json'))}\`])`

const LOAD_ARRAY = `const load = async file => prepare(readNpy(new Uint8Array(await file.arrayBuffer())))`

const LOAD_PICTURE = `/** Decodes a picture at its own size. */
async function load(file) {
  const picture = await createImageBitmap(file, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' })
  const { width, height } = picture
  const context = new OffscreenCanvas(width, height).getContext('2d')
  context.drawImage(picture, 0, 0)
  const { data: rgba } = context.getImageData(0, 0, width, height)
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => rgba[4 * Math.floor(i / 3) + (i % 3)])
  return prepare({ width, height, data })
}`
