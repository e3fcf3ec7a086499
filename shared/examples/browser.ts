/** The browser example. */
import { escapeText } from '../escape'
import { aloneCode, COMPARE, coreCode, inputNames, tokensCode, zerosCode } from './javascript'
import {
  type ExampleModel,
  exampleInputs,
  headLines,
  imageOf,
  literal,
  oneLine,
  RUNTIME,
  sampleFile,
  textOf,
} from './model'
import { TOKENIZERS_JS } from './text'

/** Files by their paths inside a bundle. */
export function browserExample(model: ExampleModel): Record<string, string> {
  const manifest = {
    name: 'bantam-browser-example',
    private: true,
    dependencies: {
      'onnxruntime-web': RUNTIME,
      ...(textOf(model) ? { '@huggingface/tokenizers': TOKENIZERS_JS } : {}),
    },
  }
  return {
    'browser/package.json': `${JSON.stringify(manifest, null, 2)}\n`,
    'browser/index.html': browserPage(model),
  }
}

/** A page that runs the model, with the preprocessing it was measured with. A picked file feeds the first input. */
export function browserPage(model: ExampleModel): string {
  const isImage = imageOf(model) !== null
  const isText = textOf(model) !== null
  const name = escapeText(oneLine(model.name))
  const { bundle } = model
  const setup = bundle
    ? `<!-- Needs a web server at the bundle's folder and ONNX Runtime Web:
     cd browser && npm install && cd .. && npx serve    then open /browser/ -->`
    : `<!-- Needs a web server at its folder, with the model and ONNX Runtime Web:
     npm install onnxruntime-web@${RUNTIME}${isText ? ` @huggingface/tokenizers@${TOKENIZERS_JS}` : ''} && npx serve -->`
  return `<!doctype html>
${setup}
<html lang="en">
<meta charset="utf-8">
<link rel="icon" href="data:,">
<title>${name}</title>
<h1>${name}</h1>
<p><label>${pickerCode(isImage, isText)}</label></p>
<pre id="answer">Loading…</pre>
<script type="module">
${headLines(model, '//').map(inScript).join('\n')}
import * as ort from './node_modules/onnxruntime-web/dist/ort.min.mjs'
${isText ? "import { Tokenizer } from './node_modules/@huggingface/tokenizers/dist/tokenizers.mjs'\n" : ''}
const INPUTS = [${inputNames(model)}]
const show = lines => { document.querySelector('#answer').textContent = lines.join('\\n') }
${bundle ? BESIDE : aloneCode(model)}
${isText ? `${tokenizerCode(bundle !== null)}\n` : ''}
${coreCode(model)}
${isText ? '' : `\n${isImage ? LOAD_PICTURE : LOAD_ARRAY}\n`}${bundle ? `\n${COMPARE}\n` : ''}
/** Runs the model on ${bundle ? 'the sample' : 'zeros'}, with ${isText ? 'the tokens of the texts in place of its inputs' : 'the picked tensor in place of its first input'}. */
async function run(${isText ? 'texts' : 'picked'}) {${isText ? '\n  const fed = texts ? tokenize(texts) : null' : ''}
  const tensors = [
${exampleInputs(model)
  .map((input, i) => {
    const other = bundle ? `readNpy(await bytes(${literal(sampleFile(i))}))` : zerosCode(input)
    return `    ${isText && input.prepared ? `fed ? ${tokensCode(model, input)} : ${other}` : other},`
  })
  .join('\n')}
  ]
${isText ? '' : '  if (picked) tensors[0] = picked\n'}  return session.run(Object.fromEntries(INPUTS.map((name, i) => {
    const { type, data, dims } = tensors[i]
    return [name, new ort.Tensor(type, data, dims)]
  })))
}

let session
try {
  session = await ort.InferenceSession.create(${bundle ? `'../model.onnx'${externalCode(bundle.external)}` : literal(`./${encodeURI(model.file)}`)})
  ${bundle ? RUN_SAMPLE : `show(['Ready: ${isText ? 'write a text' : 'choose a file'}.'])`}
} catch (error) {
  show([String(error)])
}
document.querySelector('#file').addEventListener('change', async event => {
  try {
    ${isText ? TAKE_TEXT : TAKE_FILE}
  } catch (error) {
    show([String(error)])
  }
})
</script>
</html>
`
}

function pickerCode(isImage: boolean, isText: boolean): string {
  if (isText) return 'A text, or two on two lines: <textarea id="file" rows="4" cols="80"></textarea>'
  const [what, accept] = isImage ? ['A picture', 'image/*'] : ['A .npy file of raw values', '.npy']
  return `${what}: <input id="file" type="file" accept="${accept}">`
}

function tokenizerCode(inBundle: boolean): string {
  return `const tokenizerFile = ${inBundle ? "await json('tokenizer.json')" : "await (await fetch('./tokenizer.json')).json()"}`
}

const TAKE_FILE = `const [file] = event.target.files
    if (file) show(explain(await run(await load(file))))`

const TAKE_TEXT = `const texts = event.target.value.split('\\n').filter(line => line.trim() !== '').slice(0, 2)
    if (texts.length > 0) show(explain(await run(texts)))`

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
