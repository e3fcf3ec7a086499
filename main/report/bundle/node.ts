/** The Node example of a bundle. */
import { type BundleFacts, literal, oneLine, sampleFile, shapeLine } from './facts'
import { arrayCode, COMPARE, convertCode, explainCode, pictureCode, READ_NPY } from './javascript'

/** Files by their paths inside the bundle. */
export function nodeExample(facts: BundleFacts, runtime: string): Record<string, string> {
  const isImage = facts.preprocessing?.kind === 'image'
  const dependencies = { 'onnxruntime-node': runtime, ...(isImage ? { sharp: '^0.35.5' } : {}) }
  const manifest = {
    name: 'bantam-example',
    private: true,
    type: 'module',
    scripts: { start: 'node index.mjs' },
    dependencies,
  }
  return { 'node/package.json': `${JSON.stringify(manifest, null, 2)}\n`, 'node/index.mjs': script(facts) }
}

function script(facts: BundleFacts): string {
  const { preprocessing: p } = facts
  const type = facts.inputs[0]?.type ?? 'float32'
  const kind = p?.kind === 'image' ? 'an image' : 'a .npy file of raw values'
  return `// Runs ${oneLine(facts.name)} with ONNX Runtime. Set up once with: npm install
//   node index.mjs           the sample that came along, compared with what Bantam measured
//   node index.mjs FILE${facts.inputs.length > 1 ? '…' : ' '}     ${kind}${facts.inputs.length > 1 ? ' for every input, in this order' : ''}
//   --json                   all values of all outputs as JSON
// Inputs:  ${facts.inputs.map(shapeLine).join('; ')}
// Outputs: ${facts.outputs.map(shapeLine).join('; ')}
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as ort from 'onnxruntime-node'${p?.kind === 'image' ? "\nimport sharp from 'sharp'" : ''}

// Official builds of ONNX Runtime send usage data to their maker unless this is set.
process.env.ORT_DISABLE_TELEMETRY ??= '1'
const INPUTS = [${facts.inputs.map(i => literal(i.name)).join(', ')}]
const SAMPLES = [${facts.inputs.map((_, i) => literal(sampleFile(i))).join(', ')}]
const at = name => new URL(\`../\${name}\`, import.meta.url)
const json = name => JSON.parse(readFileSync(at(name), 'utf8'))
const preprocessing = json('preprocessing.json')
const labels = json('labels.json')

${READ_NPY}

${p ? `${convertCode(type)}\n\n` : ''}${p?.kind === 'image' ? pictureCode(p, type) : arrayCode(p, type)}

${p?.kind === 'image' ? LOAD_PICTURE : LOAD_ARRAY}

${explainCode(facts)}

${COMPARE}

const files = process.argv.slice(2).filter(word => word !== '--json')
if (files.length > 0 && files.length !== INPUTS.length) {
  console.error(\`Give one file for each of: \${INPUTS.join(', ')}\`)
  process.exit(2)
}
const session = await ort.InferenceSession.create(fileURLToPath(at('model.onnx')))
const feeds = {}
for (const [i, name] of INPUTS.entries()) {
  const { type, dims, data } = files[i] ? await load(files[i]) : readNpy(readFileSync(at(SAMPLES[i])))
  feeds[name] = new ort.Tensor(type, data, dims)
}
const results = await session.run(feeds)
if (process.argv.includes('--json')) {
  console.log(JSON.stringify(Object.fromEntries(Object.entries(results).map(([name, t]) => [name, numbers(t)]))))
  process.exit(0)
}
for (const line of explain(results)) console.log(line)
if (files.length === 0) console.log(\`Largest difference to Bantam's answers: \${compare(results, json('sample/expected.json'))}\`)
`
}

const LOAD_ARRAY = `const load = file => prepare(readNpy(readFileSync(file)))`

/** Decoding as in Bantam, with the same library. */
const LOAD_PICTURE = `/** Reads a picture, turned upright; what is transparent shows the colour under it. */
async function load(file) {
  const picture = sharp(file).autoOrient().removeAlpha().toColourspace('srgb').raw({ depth: 'uchar' })
  const { data, info } = await picture.toBuffer({ resolveWithObject: true })
  const rgb = info.channels === 3 ? data : Uint8Array.from({ length: data.length * 3 }, (_, i) => data[Math.floor(i / 3)])
  return prepare({ width: info.width, height: info.height, data: rgb })
}`
