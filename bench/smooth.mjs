// Does SmoothQuant mend what breaks int8 in a transformer? Makes of the sample's spam teacher networks that give the same
// answers in float and bad ones in int8: some channels of every normalization are made 100 to 1000 times larger and the
// weights that read them as much smaller, as outlier channels lie in large language models.
//
//   npm run build && node bench/smooth.mjs [--seeds 3] [--cli out/main/cli.js]
//
// Prints accuracy on the sample's test split, with minmax calibration, and the share of what was lost that comes back.
// Weights have seven bits, so that a processor without VNNI saturates nowhere. No Python.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { commandLine, firstDimension, percent, random, scaler } from './bantam.mjs'
import { openEngine, root } from './engine.mjs'

const { values: flags } = parseArgs({
  options: {
    seeds: { type: 'string', default: '3' },
    cli: { type: 'string', default: join(root, 'out/main/cli.js') },
  },
})
const teacher = join(root, 'samples/spam-teacher.onnx')
const SETTINGS = {
  int8: [],
  'alpha 0.5': ['--smooth', 'alpha'],
  'alpha searched': ['--smooth', 'search'],
}
const bantam = commandLine(flags.cli)
const folder = mkdtempSync(join(tmpdir(), 'bantam-smooth-'))
const { load, close } = await openEngine()
try {
  console.log(`| network | float32 | ${Object.keys(SETTINGS).join(' | ')} | comes back, 0.5 | searched |`)
  console.log(`| ${Array.from({ length: 7 }, () => '---').join(' | ')} |`)
  row('teacher', teacher)
  for (let seed = 0; seed < Number(flags.seeds); seed++) {
    const path = join(folder, `broken-${seed}.onnx`)
    await breakModel(seed, path)
    row(`broken, seed ${seed}`, path)
  }
} finally {
  await close()
  rmSync(folder, { recursive: true, force: true })
}

/** Scales four channels of what every normalization gives, each by another factor, and what reads them back. */
async function breakModel(seed, path) {
  const names = ['read', 'write']
  const [{ readModel }, { writeModel }] = await Promise.all(names.map(name => load(`main/onnx/${name}`)))
  const model = await readModel(teacher)
  const next = random(seed)
  const scale = await scaler(load)
  for (const norm of model.graph.nodes.filter(node => node.opType === 'LayerNormalization')) {
    const readers = model.graph.uses(norm.output[0]).map(use => use.node)
    if (readers.length === 0 || readers.some(node => node.opType !== 'MatMul')) continue
    const channels = firstDimension(model, norm.input[1])
    const factors = new Array(channels).fill(1)
    for (let i = 0; i < 4; i++) factors[Math.floor(next() * channels)] = 100 * 10 ** next()
    for (const constant of [norm.input[1], norm.input[2]]) scale(model, constant, 0, factors)
    for (const reader of readers) {
      scale(
        model,
        reader.input[1],
        0,
        factors.map(f => 1 / f),
      )
    }
  }
  await writeModel(model, path)
}

function row(name, model) {
  const float = accuracy(model)
  const [plain, ...smoothed] = Object.values(SETTINGS).map(options => quantized(model, options))
  const lost = float - plain
  const back = smoothed.map(result =>
    lost > 0.01 ? `${((100 * (result - plain)) / lost).toFixed(1)} %` : '–',
  )
  console.log(`| ${[name, ...[float, plain, ...smoothed].map(percent), ...back].join(' | ')} |`)
}

/** Accuracy of the variant on the test split; made with samples of the calibration split. */
function quantized(model, options) {
  const out = join(folder, 'variant.onnx')
  const how = ['--method', 'static-int8', '--calibration', 'minmax', '--reduce-range', ...options]
  const data = ['--data', 'sample:spam', '--split', 'calibration']
  // What is broken is not refused here: that is what is measured.
  bantam('quantize', model, ...how, ...data, '--force', '--out', out)
  return accuracy(out)
}

function accuracy(model) {
  return bantam('evaluate', model, '--data', 'sample:spam', '--split', 'test').metrics.accuracy.value
}
