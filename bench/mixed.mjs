// Does a search for mixed precision get back what int8 breaks, and what does that cost? Networks that break in int8 with
// one scale per tensor (broken-digits.mjs), searched with all that there is and with layers in float alone.
//
//   npm run build && node bench/mixed.mjs [--seeds 3] [--minutes 3] [--model FILE …] [--cli out/main/cli.js]
//
// Prints seconds, trials, what is lost on the samples that the search judged by and on the test split (with the 95 %
// interval of the paired difference), and the share of multiply-accumulates in 8 bits. No Python.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { commandLine } from './bantam.mjs'
import { breakDigits, teacher } from './broken-digits.mjs'
import { openEngine, root } from './engine.mjs'

const { values: flags } = parseArgs({
  options: {
    seeds: { type: 'string', default: '3' },
    minutes: { type: 'string', default: '3' },
    model: { type: 'string', multiple: true, default: [] },
    cli: { type: 'string', default: join(root, 'out/main/cli.js') },
  },
})
const SETTINGS = {
  'fastest, with other scales first': ['--goal', 'fastest'],
  'fastest, float alone': ['--goal', 'fastest', '--no-repair'],
  'smallest, float alone': ['--goal', 'smallest', '--no-repair'],
}
const bantam = commandLine(flags.cli)
const folder = mkdtempSync(join(tmpdir(), 'bantam-mixed-'))
const { load, close } = await openEngine()
try {
  console.log(
    '| network | search | seconds | trials | all in int8 loses | lost, judged | lost, test | MACs in int8 | size | latency | not in int8 |',
  )
  console.log(`| ${Array.from({ length: 11 }, () => '---').join(' | ')} |`)
  search('teacher', teacher)
  for (let seed = 0; seed < Number(flags.seeds); seed++) {
    for (const [what, op] of [
      ['convolutions', 'Conv'],
      ['dense layers', 'Gemm'],
    ]) {
      const path = join(folder, 'broken.onnx')
      await breakDigits(load, seed, path, op)
      search(`broken between ${what}, seed ${seed}`, path)
    }
  }
  for (const path of flags.model) search(basename(path), path)
} finally {
  await close()
  rmSync(folder, { recursive: true, force: true })
}

function search(name, model) {
  for (const [setting, options] of Object.entries(SETTINGS)) {
    const out = join(folder, 'variant.onnx')
    const how = ['--method', 'mixed', '--no-per-channel', '--lose-at-most', '0.5', '--minutes', flags.minutes]
    const data = ['--data', 'sample:digits', '--split', 'calibration']
    const { plan, sizeBytes, parent, seconds } = bantam(
      'quantize',
      model,
      ...how,
      ...options,
      ...data,
      '--out',
      out,
    )
    const { trials, best } = plan.decisions.search
    const { difference } = bantam(
      ...['evaluate', out, '--reference', model, '--data', 'sample:digits', '--split', 'test'],
    )
    const [all, found] = [trials[0], trials[best]]
    const cells = [
      name,
      setting,
      seconds.toFixed(1),
      trials.length,
      points(all.drop.value),
      points(found.drop.value),
      `${points(-difference.value)} (${points(-difference.high)} to ${points(-difference.low)})`,
      `${(100 * found.macs).toFixed(0)} %`,
      (sizeBytes / parent.sizeBytes).toFixed(3),
      found.milliseconds === null ? '–' : `${found.milliseconds.toFixed(3)} ms`,
      [...found.float, ...found.wide.map(id => `${id} (16 bits)`)].join(', ') || '–',
    ]
    console.log(`| ${cells.join(' | ')} |`)
  }
}

/** Percentage points. */
function points(share) {
  return (100 * share).toFixed(2)
}
