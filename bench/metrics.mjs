/**
 * Evaluates the sample teacher and its int8 variant with the product, stores what both answered, and has
 * bench/metrics.py compute every number again from the stored answers:
 *   node bench/metrics.mjs [FOLDER]
 * Fails when any differs by 1e-9 or more. Needs Python with numpy, scipy and scikit-learn. With FOLDER, the files stay.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEngine, quietContext, root } from './engine.mjs'

const folder = process.argv[2] ?? mkdtempSync(join(tmpdir(), 'bantam-metrics-'))
mkdirSync(folder, { recursive: true })
const { load, close } = await openEngine()
const context = quietContext(folder)

try {
  const [
    { evaluateModel },
    { writeOutputs },
    { openDataset },
    { DatasetSpec },
    { makeVariant },
    { modelHash },
  ] = await Promise.all([
    load('main/measure/evaluate'),
    load('main/measure/outputs'),
    load('main/data/open'),
    load('shared/domain'),
    load('main/operations/variant'),
    load('main/onnx/read'),
  ])
  const { inspectModel } = await load('main/measure/inspect')
  const teacher = join(root, 'samples/digits-teacher.onnx')
  const { inputs } = await inspectModel(teacher)
  const dataset = await openDataset(DatasetSpec.parse({ source: 'sample:digits' }), inputs)
  const out = join(folder, 'int8.onnx')
  rmSync(out, { force: true })
  const calibration = { dataset, indices: dataset.indices('calibration').slice(0, 200) }
  const step = { technique: 'quantize.static-int8', options: { calibration: 'minmax' } }
  await makeVariant({ parent: teacher, step, seed: 0, calibration, out, threads: 1, device: 'cpu' }, context)

  const common = { dataset, split: 'test', device: 'cpu', threads: 1 }
  const hash = await modelHash(teacher)
  const reference = await evaluateModel({ ...common, model: teacher, hash }, context)
  const variant = await evaluateModel(
    { ...common, model: out, hash: await modelHash(out), reference: { hash, outputs: reference.outputs } },
    context,
  )
  const [json, ours, theirs] = ['evaluation.json', 'variant.outputs', 'reference.outputs'].map(n =>
    join(folder, n),
  )
  writeFileSync(json, JSON.stringify(variant.evaluation))
  await writeOutputs(ours, variant.outputs)
  await writeOutputs(theirs, reference.outputs)
  const seconds = [reference, variant].map(e => e.evaluation.seconds.toFixed(1)).join(' s and ')
  console.log(`evaluated teacher and variant in ${seconds} s`)
  const python = spawnSync('python3', [join(root, 'bench/metrics.py'), 'check', json, ours, theirs], {
    stdio: 'inherit',
  })
  process.exitCode = python.status ?? 1
} finally {
  await close()
  if (!process.argv[2]) rmSync(folder, { recursive: true, force: true })
}
