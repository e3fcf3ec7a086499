// Weights in 4 bits on a language model: perplexity of every method, and of what the tools of Python make.
//
//   python3 bench/language-model.py FOLDER --text TEXT
//   pip install onnxruntime onnx tokenizers torch onnx-neural-compressor
//   PYTHON=python3 node bench/weight-only.mjs FOLDER [--groups 32,128] [--only 'gptq;awq, clip'] [--samples 128]
//     [--no-peers] [--torch nc-gptq,nc-awq]
//
// --torch: tools for PyTorch, whose own needs bench/weight-only-torch.py names. They look at the same passages.
// Variants come from the engine's own plan and apply, with passages of FOLDER/train.jsonl for those that look at
// samples; all models are measured by bench/weight-only.py, on the same held-out text.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { openEngine, quietContext, root } from './engine.mjs'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    groups: { type: 'string', default: '32,128' },
    only: { type: 'string', default: '' },
    samples: { type: 'string', default: '128' },
    'no-peers': { type: 'boolean', default: false },
    torch: { type: 'string', default: '' },
  },
})
const [folder] = positionals
if (!folder) throw new Error('Give the folder that bench/language-model.py wrote.')
const METHODS = {
  nearest: {},
  'nearest, clip': { clip: true },
  hqq: { rounding: 'hqq' },
  'hqq, fractional': { rounding: 'hqq', fractional: true },
  gptq: { rounding: 'gptq' },
  'gptq, not sequential': { rounding: 'gptq', sequential: false },
  'gptq, actOrder': { rounding: 'gptq', actOrder: true },
  'gptq, clip': { rounding: 'gptq', clip: true },
  awq: { scaling: 'awq' },
  'awq, clip': { scaling: 'awq', clip: true },
  'awq, hqq': { scaling: 'awq', rounding: 'hqq' },
  'awq, gptq': { scaling: 'awq', rounding: 'gptq' },
  'nearest, symmetric': { symmetric: true },
  'gptq, symmetric': { rounding: 'gptq', symmetric: true },
  'awq, symmetric': { scaling: 'awq', symmetric: true },
  'awq, clip, symmetric': { scaling: 'awq', clip: true, symmetric: true },
}
const wanted = flags.only.split(';').filter(Boolean)
const groups = flags.groups.split(',').map(Number)
const work = mkdtempSync(join(tmpdir(), 'bantam-weight-only-'))
const engine = await openEngine()
try {
  const made = []
  for (const group of groups) {
    for (const [name, options] of Object.entries(METHODS)) {
      if (wanted.length > 0 && !wanted.includes(name)) continue
      const file = join(work, `${name.replaceAll(/\W+/g, '-')}-${group}.onnx`)
      made.push({ name, group, file, ...(await make(file, { ...options, group })) })
      console.error(`${name}, blocks of ${group}: ${made.at(-1).seconds.toFixed(1)} s of processor`)
    }
    const tools = flags.torch.split(',').filter(Boolean)
    if (tools.length > 0) {
      const passages = join(work, 'passages.json')
      writeFileSync(passages, JSON.stringify(await passagesLookedAt()))
      const about = ['--group', String(group), '--passages', passages, '--only', flags.torch]
      python([folder, work, ...about], 'weight-only-torch.py')
      for (const name of tools) made.push({ name, group, file: join(work, `peer-${name}-${group}.onnx`) })
    }
    if (flags['no-peers']) continue
    python(['peers', folder, work, '--group', String(group)])
    for (const name of ['rtn', 'hqq', 'gptq', 'awq']) {
      made.push({ name: `${name} of Python`, group, file: join(work, `peer-${name}-${group}.onnx`) })
    }
  }
  console.log(table(made).join('\n'))
} finally {
  await engine.close()
  rmSync(work, { recursive: true, force: true })
}

/** The float model and its training passages; the caller closes these. */
async function open() {
  const { readModel } = await engine.load('main/onnx/read')
  const { modelInputs } = await engine.load('main/onnx/inputs')
  const { openDataset } = await engine.load('main/data/open')
  const { DatasetSpec } = await engine.load('shared/domain')
  const model = await readModel(join(folder, 'gpt.onnx'))
  const spec = DatasetSpec.parse({ source: join(folder, 'train.jsonl'), labels: null, task: 'none' })
  const dataset = await openDataset(spec, modelInputs(model))
  return { model, dataset, samples: { dataset, indices: dataset.indices('all') } }
}

/** Places in train.jsonl, none of whose passages is longer than a window, of those that plans look at. */
async function passagesLookedAt() {
  const { drawSamples } = await engine.load('main/prune/draw')
  const { dataset, samples } = await open()
  await dataset.close()
  return [...drawSamples(samples, Number(flags.samples), 0).indices]
}

async function make(file, options) {
  const { writeModel } = await engine.load('main/onnx/write')
  const { weightInt4 } = await engine.load('main/quantize/weight-int4')
  const { model, dataset, samples } = await open()
  try {
    const context = quietContext(work)
    const parsed = weightInt4.options.parse({ samples: Number(flags.samples), ...options })
    const started = process.cpuUsage()
    const plan = await weightInt4.plan({ model, training: samples, seed: 0, threads: 1 }, parsed, context)
    const run = { training: samples, threads: 1, device: 'cpu', context, record() {} }
    const result = await weightInt4.apply(model, plan, run)
    const { user, system } = process.cpuUsage(started)
    await writeModel(result, file)
    return { seconds: (user + system) / 1e6 }
  } finally {
    await dataset.close()
  }
}

function python(args, name = 'weight-only.py') {
  const script = join(root, 'bench', name)
  const options = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 2 ** 26 }
  return execFileSync(process.env.PYTHON ?? 'python3', [script, ...args], options)
}

function table(made) {
  const lines = python(['measure', folder, ...made.map(({ file }) => file).filter(file => existsSync(file))])
    .trim()
    .split('\n')
  const rows = JSON.parse(lines.at(-1))
  const head = [
    `Float: perplexity ${rows.float.perplexity.toFixed(2)} on ${rows.float.windows} windows of 128 tokens.`,
    '',
    '| method | block | perplexity | against float (95 %) | bytes | processor |',
    '| --- | --- | --- | --- | --- | --- |',
  ]
  const body = made.flatMap(({ name, group, file, seconds }) => {
    const row = rows[basename(file)]
    if (!row) return []
    const [ratio, low, high] = row.ratio.map(value => value.toFixed(4))
    const took = seconds === undefined ? '' : `${seconds.toFixed(1)} s`
    return [
      `| ${name} | ${group} | ${row.perplexity.toFixed(2)} | ${ratio} (${low} to ${high}) | ${row.bytes} | ${took} |`,
    ]
  })
  return [...head, ...body]
}
