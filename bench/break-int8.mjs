// Do equalization, learned rounding and bias correction mend what breaks int8? Two kinds of networks, of which all give
// the same answers in float as before they were changed, and bad ones in int8 with one scale per tensor:
//
//   chain   the sample's digits teacher, some channels of its first convolution made 100 to 1000 times larger and their
//           readers as much smaller, as batch normalization leaves them in real networks
//   branch  a depthwise separable network with a branch, trained here on the sample's digits: its channels scaled by up
//           to 300, and those of the values that an Add joins, where equalization cannot pass, by up to 100
//
//   npm run build && node bench/break-int8.mjs [chain|branch] [--seeds 3] [--net TRAINED.onnx] [--cli out/main/cli.js]
//
// Prints accuracy on the sample's test split, with minmax calibration and one scale per tensor, and the share of what
// was lost that comes back; of the branch, how far learned rounding lets the error of each layer fall. No Python.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { commandLine, percent, tableRow } from './bantam.mjs'
import { breakDigits, teacher } from './broken-digits.mjs'
import { depthwiseNet, unbalance } from './depthwise-net.mjs'
import { openEngine, root } from './engine.mjs'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '3' },
    net: { type: 'string' },
    cli: { type: 'string', default: join(root, 'out/main/cli.js') },
  },
})
const SAMPLES = ['--bias-correction', 'samples']
const ROUNDING = ['--rounding', 'adaround']
const CHAIN = {
  'int8, one scale per tensor': [],
  'bias correction': SAMPLES,
  equalization: ['--equalize'],
  both: ['--equalize', ...SAMPLES],
}
const BRANCH = {
  'int8, one scale per tensor': [],
  'bias correction': SAMPLES,
  equalization: ['--equalize'],
  '+ analytic bias correction': ['--equalize', '--bias-correction', 'analytic'],
  '+ bias correction': ['--equalize', ...SAMPLES],
  '+ learned rounding': ['--equalize', ...ROUNDING],
  'all three': ['--equalize', ...ROUNDING, ...SAMPLES],
}
const UNBALANCE = { chain: 300, branch: 100 }
const bantam = commandLine(flags.cli)
const folder = mkdtempSync(join(tmpdir(), 'bantam-break-'))
const { load, close } = await openEngine()
try {
  const wanted = positionals.length > 0 ? positionals : ['chain', 'branch']
  if (wanted.includes('chain')) await chains()
  if (wanted.includes('branch')) await branches()
} finally {
  await close()
  rmSync(folder, { recursive: true, force: true })
}

async function chains() {
  heading(CHAIN)
  row('teacher', teacher, CHAIN)
  for (let seed = 0; seed < Number(flags.seeds); seed++) {
    const path = join(folder, `broken-${seed}.onnx`)
    await breakDigits(load, seed, path)
    row(`broken, seed ${seed}`, path, CHAIN)
  }
}

async function branches() {
  const [{ readModel }, { writeModel }] = await Promise.all(
    ['read', 'write'].map(name => load(`main/onnx/${name}`)),
  )
  const net = flags.net ?? (await trained(writeModel))
  // Eight bits saturate in processors without VNNI; seven are the same everywhere.
  const settings = Object.fromEntries(
    Object.entries(BRANCH).map(([name, options]) => [name, ['--reduce-range', ...options]]),
  )
  heading(settings)
  row('as trained', net, settings)
  const falls = []
  for (let seed = 0; seed < Number(flags.seeds); seed++) {
    const path = join(folder, `unbalanced-${seed}.onnx`)
    const model = await readModel(net)
    await unbalance(load, model, { seed, ...UNBALANCE })
    await writeModel(model, path)
    const { roundings } = row(`unbalanced, seed ${seed}`, path, settings)
    falls.push(...roundings.map(r => r.after / r.before))
  }
  if (falls.length === 0) return
  falls.sort((a, b) => a - b)
  const at = share => falls[Math.floor(share * (falls.length - 1))].toFixed(2)
  console.log(`Errors of layers, learned to nearest: median ${at(0.5)}, from ${at(0)} to ${at(1)}.`)
}

/** The network with a branch, trained. */
async function trained(writeModel) {
  const [net, out] = ['net.onnx', 'trained.onnx'].map(name => join(folder, name))
  await writeModel(await depthwiseNet(load, 0), net)
  const how = ['--data', 'sample:digits', '--split', 'train', '--epochs', '5', '--learning-rate', '0.005']
  bantam('train', net, ...how, '--force', '--out', out)
  return out
}

function heading(settings) {
  const names = ['network', 'float32', ...Object.keys(settings), 'comes back']
  console.log(tableRow(names, true))
}

/** Prints one; answers the decisions of the last setting. */
function row(name, model, settings) {
  const float = accuracy(model)
  const results = Object.values(settings).map(options => quantized(model, options))
  const shown = results.map(r => r.accuracy)
  const lost = float - shown[0]
  const back = lost > 0.01 ? `${((100 * (shown.at(-1) - shown[0])) / lost).toFixed(1)} %` : '–'
  console.log(tableRow([name, percent(float), ...shown.map(percent), back]))
  return results.at(-1).decisions
}

/** Accuracy of the variant on the test split; made with samples of the calibration split. */
function quantized(model, options) {
  const how = ['--method', 'static-int8', '--no-per-channel', '--calibration', 'minmax', ...options]
  const data = ['--data', 'sample:digits', '--split', 'calibration']
  const out = join(folder, 'variant.onnx')
  // What is broken is not refused here: that is what is measured.
  const { plan } = bantam('quantize', model, ...how, ...data, '--force', '--out', out)
  return { accuracy: accuracy(out), decisions: plan.decisions }
}

function accuracy(model) {
  return bantam('evaluate', model, '--data', 'sample:digits', '--split', 'test').metrics.accuracy.value
}
