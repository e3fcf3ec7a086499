// Do equalization and bias correction mend what breaks int8? Makes of the sample's digits teacher networks that give the
// same answers in float and bad ones in int8 with one scale per tensor: some channels of the first convolution are made
// 100 to 1000 times larger and their readers as much smaller, as batch normalization leaves them in real networks.
//
//   npm run build && node bench/break-int8.mjs [--seeds 3] [--cli out/main/cli.js]
//
// Prints accuracy on the sample's test split, with minmax calibration and one scale per tensor, and the share of what
// was lost that comes back. No Python.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { breakDigits, teacher } from './broken-digits.mjs'
import { openEngine, root } from './engine.mjs'

const { values: flags } = parseArgs({
  options: {
    seeds: { type: 'string', default: '3' },
    cli: { type: 'string', default: join(root, 'out/main/cli.js') },
  },
})
const SETTINGS = {
  'int8, one scale per tensor': [],
  'bias correction': ['--bias-correction'],
  equalization: ['--equalize'],
  both: ['--equalize', '--bias-correction'],
}
const folder = mkdtempSync(join(tmpdir(), 'bantam-break-'))
const { load, close } = await openEngine()
try {
  console.log(`| network | float32 | ${Object.keys(SETTINGS).join(' | ')} | comes back |`)
  console.log(`| ${Array.from({ length: 7 }, () => '---').join(' | ')} |`)
  row('teacher', teacher)
  for (let seed = 0; seed < Number(flags.seeds); seed++) {
    const path = join(folder, `broken-${seed}.onnx`)
    await breakDigits(load, seed, path)
    row(`broken, seed ${seed}`, path)
  }
} finally {
  await close()
  rmSync(folder, { recursive: true, force: true })
}

function row(name, model) {
  const float = accuracy(model)
  const results = Object.values(SETTINGS).map(options => quantized(model, options))
  const lost = float - results[0]
  const back = lost > 0.01 ? `${((100 * (results.at(-1) - results[0])) / lost).toFixed(1)} %` : '–'
  console.log(`| ${[name, percent(float), ...results.map(percent), back].join(' | ')} |`)
}

/** Accuracy of the variant on the test split; made with samples of the calibration split. */
function quantized(model, options) {
  const how = ['--method', 'static-int8', '--no-per-channel', '--calibration', 'minmax', ...options]
  const out = join(folder, 'variant.onnx')
  // What is broken is not refused here: that is what is measured.
  bantam(
    'quantize',
    model,
    ...how,
    '--data',
    'sample:digits',
    '--split',
    'calibration',
    '--force',
    '--out',
    out,
  )
  return accuracy(out)
}

function accuracy(model) {
  return bantam('evaluate', model, '--data', 'sample:digits', '--split', 'test').metrics.accuracy.value
}

function bantam(...command) {
  const run = spawnSync(process.execPath, [flags.cli, ...command, '--json'], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  if (run.status !== 0) throw new Error(run.stderr)
  return JSON.parse(run.stdout)
}

function percent(share) {
  return `${(100 * share).toFixed(2)} %`
}
