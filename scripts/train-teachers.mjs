// Trains the teachers of the samples with Bantam itself, on the train splits alone; the test splits are read once, at the
// end, to report the accuracy. Needs no Python. Some minutes on two cores.
//   node scripts/train-teachers.mjs [digits] [spam] [--out FOLDER]     default: both, into samples/
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runnerImport } from 'vite'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const RECIPES = {
  digits: [
    ...['--epochs', '36', '--schedule', 'one-cycle', '--learning-rate', '0.004', '--validation', '0'],
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
  for (const name of positionals.length > 0 ? positionals : Object.keys(RECIPES)) await train(name)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function train(name) {
  const recipe = RECIPES[name]
  if (!recipe) throw new Error(`There is no sample ${name}; there are ${Object.keys(RECIPES).join(' and ')}.`)
  const out = join(folder, `${name}-teacher.onnx`)
  const data = ['--data', `sample:${name}`, '--split', 'train']
  const test = ['--eval-data', `sample:${name}`, '--eval-split', 'test']
  // Two threads: the same bytes on every machine of the same kind.
  const how = ['--threads', '2', '--out', out]
  run('app/cli/bantam.mjs', 'train', join(folder, `${name}-net.onnx`), ...data, ...test, ...recipe, ...how)
  writeFileSync(join(values.out, `${name}-teacher.onnx`), await deployable(out))
  const { plan } = JSON.parse(readFileSync(`${out}.bantam.json`, 'utf8'))
  console.log(`${name}: ${plan.decisions.trainableParameters} parameters trained`)
}

/** As people ship models: normalizations folded into the layers before them, dropout gone. */
async function deployable(path) {
  const load = async file => (await runnerImport(join(root, file))).module
  const { readModel } = await load('main/onnx/read.ts')
  const { simplify } = await load('main/onnx/simplify.ts')
  const { serialize } = await load('main/onnx/write.ts')
  const { model } = await simplify(await readModel(path))
  // The record of the training speaks of the file before.
  model.proto.metadataProps = []
  return serialize(model)
}

function run(script, ...args) {
  const { status } = spawnSync(process.execPath, [join(root, script), ...args], {
    stdio: 'inherit',
    cwd: root,
  })
  if (status !== 0) process.exit(status ?? 1)
}
