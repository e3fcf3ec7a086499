/** The Node example. */
import { aloneCode, COMPARE, coreCode, inputNames, readsNpy, tokensCode, zerosCode } from './javascript'
import {
  type ExampleInput,
  type ExampleModel,
  exampleInputs,
  fileKind,
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
export function nodeExample(model: ExampleModel): Record<string, string> {
  const manifest = {
    name: 'bantam-example',
    private: true,
    type: 'module',
    scripts: { start: 'node index.mjs' },
    dependencies: {
      'onnxruntime-node': RUNTIME,
      ...(imageOf(model) ? { sharp: '^0.35.5' } : {}),
      ...(textOf(model) ? { '@huggingface/tokenizers': TOKENIZERS_JS } : {}),
    },
  }
  return {
    'node/package.json': `${JSON.stringify(manifest, null, 2)}\n`,
    'node/index.mjs': nodeProgram(model),
  }
}

/** A runnable ES module for the model, with the preprocessing it was measured with. */
export function nodeProgram(model: ExampleModel): string {
  const isImage = imageOf(model) !== null
  const isText = textOf(model) !== null
  const inBundle = model.bundle !== null
  return `${usage(model)}
${headLines(model, '//').join('\n')}
${[
  ...(readsNpy(model) || isText ? ["import { readFileSync } from 'node:fs'"] : []),
  ...(inBundle ? ["import { fileURLToPath } from 'node:url'"] : []),
  ...(isText ? ["import { Tokenizer } from '@huggingface/tokenizers'"] : []),
  "import * as ort from 'onnxruntime-node'",
  ...(isImage ? ["import sharp from 'sharp'"] : []),
].join('\n')}

// Official builds of ONNX Runtime send usage data to their maker unless this is set.
process.env.ORT_DISABLE_TELEMETRY ??= '1'
const INPUTS = [${inputNames(model)}]
${inBundle ? BESIDE : aloneCode(model)}
${isText ? `${tokenizerCode(inBundle)}\n` : ''}
${coreCode(model)}
${isText ? '' : `\n${isImage ? LOAD_PICTURE : LOAD_ARRAY}\n`}${inBundle ? `\n${COMPARE}\n` : ''}
const files = process.argv.slice(2).filter(word => word !== '--json')
${isText ? FEED_TEXT : inBundle ? COUNT_ALL : COUNT_FEW}
const session = await ort.InferenceSession.create(${inBundle ? "fileURLToPath(at('model.onnx'))" : literal(model.file)})
const tensor = ({ type, dims, data }) => new ort.Tensor(type, data, dims)
const results = await session.run({
${exampleInputs(model)
  .map((input, i) => `  ${literal(input.name)}: tensor(${feedCode(model, input, i)}),`)
  .join('\n')}
})
if (process.argv.includes('--json')) {
  console.log(JSON.stringify(Object.fromEntries(Object.entries(results).map(([name, t]) => [name, numbers(t)]))))
  process.exit(0)
}
for (const line of explain(results)) console.log(line)
${inBundle ? TELL : ''}`
}

function usage(model: ExampleModel): string {
  const many = model.inputs.length > 1
  const kind = fileKind(model)
  if (textOf(model)) return usageOfText(model, kind)
  const others = imageOf(model)
    ? ', then a .npy as the model is fed for every other input'
    : ' for every input, in this order'
  if (!model.bundle) {
    return `// Runs ${oneLine(model.name)} with ONNX Runtime. Set up once with: npm install onnxruntime-node@${RUNTIME}${imageOf(model) ? ' sharp' : ''}
//   node example.mjs FILE${many ? '…' : ' '}   ${kind}${many ? others : ''}; without one: zeros
//   --json                  all values of all outputs as JSON`
  }
  return `// Runs ${oneLine(model.name)} with ONNX Runtime. Set up once with: npm install
//   node index.mjs           the sample that came along, compared with what Bantam measured
//   node index.mjs FILE${many ? '…' : ' '}     ${kind}${many ? others : ''}
//   --json                   all values of all outputs as JSON`
}

function usageOfText(model: ExampleModel, kind: string): string {
  const name = oneLine(model.name)
  if (model.bundle) {
    return `// Runs ${name} with ONNX Runtime. Set up once with: npm install
//   node index.mjs           the sample that came along, compared with what Bantam measured
//   node index.mjs TEXT      ${kind}
//   --json                   all values of all outputs as JSON`
  }
  return `// Runs ${name} with ONNX Runtime. Needs its tokenizer.json beside it; set up once with:
//   npm install onnxruntime-node@${RUNTIME} @huggingface/tokenizers@${TOKENIZERS_JS}
//   node example.mjs TEXT    ${kind}; without one: zeros
//   --json                   all values of all outputs as JSON`
}

function tokenizerCode(inBundle: boolean): string {
  const read = inBundle ? "json('tokenizer.json')" : "JSON.parse(readFileSync('tokenizer.json', 'utf8'))"
  return `const tokenizerFile = ${read}`
}

function feedCode(model: ExampleModel, input: ExampleInput, index: number): string {
  const inBundle = model.bundle !== null
  const file = `files[${index}]`
  const given = input.prepared ? `await load(${file})` : `readNpy(readFileSync(${file}))`
  const other = inBundle ? `readNpy(readFileSync(at(${literal(sampleFile(index))})))` : zerosCode(input)
  if (textOf(model)) return input.prepared ? `fed ? ${tokensCode(model, input)} : ${other}` : other
  return `${file} ? ${given} : ${other}`
}

const BESIDE = `const at = name => new URL(\`../\${name}\`, import.meta.url)
const json = name => JSON.parse(readFileSync(at(name), 'utf8'))
const preprocessing = json('preprocessing.json')
const labels = json('labels.json')`

const TELL = `if (files.length === 0) console.log(\`Largest difference to Bantam's answers: \${compare(results, json('sample/expected.json'))}\`)
`

const FEED_TEXT = `if (files.length > 2) {
  console.error('Give a text, or two that belong together.')
  process.exit(2)
}
const fed = files.length > 0 ? tokenize(files) : null`

const COUNT_ALL = `if (files.length > 0 && files.length !== INPUTS.length) {
  console.error(\`Give one file for each of: \${INPUTS.join(', ')}\`)
  process.exit(2)
}`

const COUNT_FEW = `if (files.length > INPUTS.length) {
  console.error(\`Give at most one file for each of: \${INPUTS.join(', ')}\`)
  process.exit(2)
}`

const LOAD_ARRAY = `const load = file => prepare(readNpy(readFileSync(file)))`

/** Decoding as in the engine, with the same library. */
const LOAD_PICTURE = `/** Reads a picture, turned upright; what is transparent shows the colour under it. */
async function load(file) {
  const picture = sharp(file).autoOrient().removeAlpha().toColourspace('srgb').raw({ depth: 'uchar' })
  const { data, info } = await picture.toBuffer({ resolveWithObject: true })
  const rgb = info.channels === 3 ? data : Uint8Array.from({ length: data.length * 3 }, (_, i) => data[Math.floor(i / 3)])
  return prepare({ width: info.width, height: info.height, data: rgb })
}`
