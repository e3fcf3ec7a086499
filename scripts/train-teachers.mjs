// Trains the teachers of the samples with Bantam itself, on the train splits alone; the test splits are read once, at the
// end, to report the accuracy. Needs no Python. Some minutes on two cores.
//   node scripts/train-teachers.mjs [digits] [spam] [--out FOLDER]     default: both, into samples/
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const RECIPES = {
  digits: [
    ...['--epochs', '24', '--schedule', 'one-cycle', '--learning-rate', '0.003', '--validation', '0'],
    ...['--augment', 'rotate', 'shift'],
  ],
  spam: ['--epochs', '8', '--learning-rate', '0.001', '--augment', 'token-dropout'],
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string', default: join(root, 'samples') } },
})
const folder = mkdtempSync(join(tmpdir(), 'bantam-teachers-'))
try {
  run('scripts/make-teacher-nets.mjs', '--out', folder)
  for (const name of positionals.length > 0 ? positionals : Object.keys(RECIPES)) train(name)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function train(name) {
  const recipe = RECIPES[name]
  if (!recipe) throw new Error(`There is no sample ${name}; there are ${Object.keys(RECIPES).join(' and ')}.`)
  const out = join(folder, `${name}-teacher.onnx`)
  const data = ['--data', `sample:${name}`, '--split', 'train']
  const test = ['--eval-data', `sample:${name}`, '--eval-split', 'test']
  // Two threads: the same bytes on every machine of the same kind.
  const how = ['--threads', '2', '--out', out]
  run('app/cli/bantam.mjs', 'train', join(folder, `${name}-net.onnx`), ...data, ...test, ...recipe, ...how)
  copyFileSync(out, join(values.out, `${name}-teacher.onnx`))
  const { plan } = JSON.parse(readFileSync(`${out}.bantam.json`, 'utf8'))
  console.log(`${name}: ${plan.decisions.trainableParameters} parameters trained`)
}

function run(script, ...args) {
  const { status } = spawnSync(process.execPath, [join(root, script), ...args], {
    stdio: 'inherit',
    cwd: root,
  })
  if (status !== 0) process.exit(status ?? 1)
}
