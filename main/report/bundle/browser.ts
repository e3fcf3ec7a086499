/** The browser example of a bundle. */

import { escapeText } from '../html'
import { type BundleFacts, literal, oneLine, sampleFile } from './facts'
import { arrayCode, COMPARE, convertCode, explainCode, pictureCode, READ_NPY } from './javascript'

/** Files by their paths inside the bundle. `data` are the model's external data files. */
export function browserExample(
  facts: BundleFacts,
  runtime: string,
  data: readonly string[],
): Record<string, string> {
  const manifest = {
    name: 'bantam-browser-example',
    private: true,
    dependencies: { 'onnxruntime-web': runtime },
  }
  return {
    'browser/package.json': `${JSON.stringify(manifest, null, 2)}\n`,
    'browser/index.html': page(facts, data),
  }
}

function page(facts: BundleFacts, data: readonly string[]): string {
  const { preprocessing: p } = facts
  const type = facts.inputs[0]?.type ?? 'float32'
  const canPick = facts.inputs.length === 1
  const external =
    data.length > 0
      ? `, { externalData: [${data.map(d => `{ path: ${literal(d)}, data: ${literal(`../${d}`)} }`).join(', ')}] }`
      : ''
  return `<!doctype html>
<!-- Needs a web server at the bundle's folder and ONNX Runtime Web:
     cd browser && npm install && cd .. && npx serve    then open /browser/ -->
<html lang="en">
<meta charset="utf-8">
<link rel="icon" href="data:,">
<title>${escapeText(oneLine(facts.name))}</title>
<h1>${escapeText(oneLine(facts.name))}</h1>
${canPick ? `<p><label>${p?.kind === 'image' ? 'A picture' : 'A .npy file of raw values'}: <input id="file" type="file"${p?.kind === 'image' ? ' accept="image/*"' : ' accept=".npy"'}></label></p>` : ''}
<pre id="answer">Loading…</pre>
<script type="module">
import * as ort from './node_modules/onnxruntime-web/dist/ort.min.mjs'

const INPUTS = [${facts.inputs.map(i => literal(i.name)).join(', ')}]
const SAMPLES = [${facts.inputs.map((_, i) => literal(sampleFile(i))).join(', ')}]
const show = lines => { document.querySelector('#answer').textContent = lines.join('\\n') }
const get = async name => {
  const response = await fetch(\`../\${name}\`)
  if (!response.ok) throw new Error(\`\${name}: \${response.status}\`)
  return response
}
const bytes = async name => new Uint8Array(await (await get(name)).arrayBuffer())
const json = async name => (await get(name)).json()
const preprocessing = await json('preprocessing.json')
const labels = await json('labels.json')

${READ_NPY}

${p ? `${convertCode(type)}\n\n` : ''}${p?.kind === 'image' ? `${pictureCode(p, type)}\n\n${LOAD_PICTURE}` : `${arrayCode(p, type)}\n\nconst load = async file => prepare(readNpy(new Uint8Array(await file.arrayBuffer())))`}

${explainCode(facts)}

${COMPARE}

async function run(tensors) {
  const feeds = {}
  INPUTS.forEach((name, i) => { feeds[name] = new ort.Tensor(tensors[i].type, tensors[i].data, tensors[i].dims) })
  return session.run(feeds)
}

let session
try {
  session = await ort.InferenceSession.create('../model.onnx'${external})
  const results = await run(await Promise.all(SAMPLES.map(async name => readNpy(await bytes(name)))))
  show([...explain(results), \`Largest difference to Bantam's answers: \${compare(results, await json('sample/expected.json'))}\`])
} catch (error) {
  show([String(error)])
}
${
  canPick
    ? `document.querySelector('#file').addEventListener('change', async event => {
  try {
    const [file] = event.target.files
    if (file) show(explain(await run([await load(file)])))
  } catch (error) {
    show([String(error)])
  }
})`
    : ''
}
</script>
</html>
`
}

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
