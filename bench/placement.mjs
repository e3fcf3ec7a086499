// What really runs in 8 bits when networks are quantized, from ONNX Runtime's profile: nodes planned, those that fell
// back to float, and kernels by what they do. Values are made up: accuracy means nothing here.
//
//   node bench/placement.mjs FOLDER_OR_FILE ... [--format U8S8] [--peer FOLDER [--time]]
//
// bench/structure-models.py makes the networks, bench/peers/quantize-folder.py what onnxruntime.quantization makes of
// them: with --peer these files, of the same names, are looked at as well, and with --time both are timed in turns (one
// sample, one thread; below 1 ours is faster). Ends with 1 when some file fails or a planned node falls back.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { openEngine, quietContext } from './engine.mjs'

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    format: { type: 'string', default: 'U8S8' },
    peer: { type: 'string' },
    time: { type: 'boolean', default: false },
  },
})
const engine = await openEngine()
const { readModel } = await engine.load('main/onnx/read')
const { modelInputs } = await engine.load('main/onnx/inputs')
const { makeFeeds } = await engine.load('main/measure/inputs')
const { makeVariant } = await engine.load('main/operations/variant')
const { readRuns } = await engine.load('main/measure/profile-events')
const { ranKernels } = await engine.load('main/measure/ran')
const { benchmarkModels } = await engine.load('main/measure/benchmark')
const { openSession } = await engine.load('main/runtime/session')
const { arrayDataset } = await engine.load('main/quantize/testing')

const SAMPLES = 4
const files = positionals.flatMap(path =>
  statSync(path).isDirectory()
    ? readdirSync(path)
        .filter(name => name.endsWith('.onnx'))
        .sort()
        .map(name => join(path, name))
    : [path],
)
const folder = mkdtempSync(join(tmpdir(), 'bantam-placement-'))
let failed = 0
const columns = [
  'network',
  'planned',
  'fell back',
  'int8',
  'float',
  'conversions to 8 bits and back',
  'layout',
]
const peerColumns = ['peer: int8, float, conversions', ...(flags.time ? ['latency next to the peer'] : [])]
console.log(`| ${[...columns, ...peerColumns].join(' | ')} |`)
console.log(`|${' --- |'.repeat(columns.length + peerColumns.length)}`)
for (const file of files) {
  try {
    await examine(file)
  } catch (error) {
    failed++
    console.error(`${basename(file)}: ${error.code ? error.message : error.stack}`)
  }
}
rmSync(folder, { recursive: true, force: true })
await engine.close()
process.exitCode = failed > 0 ? 1 : 0

async function examine(file) {
  const inputs = modelInputs(await readModel(file))
  const dataset = madeUp(inputs)
  const out = join(folder, basename(file))
  const step = { technique: 'quantize.static-int8', options: { format: flags.format, samples: SAMPLES } }
  const calibration = { dataset, indices: dataset.indices('all') }
  const request = { parent: file, step, seed: 0, calibration, out, threads: 1, device: 'cpu', force: true }
  const { evidence } = await makeVariant(request, quietContext(folder))
  const { ran } = evidence.verification
  const other = flags.peer && join(flags.peer, basename(file))
  const peer = other ? await peerRan(other, dataset) : null
  const ratio = peer && flags.time ? await ratioTo(other, out) : null
  if (ran.fellBack.length > 0) failed++
  const fell = ran.fellBack.map(({ name, op }) => `${op} ${name}`).join(', ')
  const cells = [
    basename(file, '.onnx'),
    ran.planned,
    fell || 0,
    ran.int8,
    ran.float,
    ran.quantize,
    ran.conversion,
    peer ? `${peer.int8}, ${peer.float}, ${peer.quantize}` : '',
    ...(flags.time ? [ratio ?? ''] : []),
  ]
  console.log(`| ${cells.join(' | ')} |`)
}

/** Latency of a file relative to another, with its 95 % interval. */
async function ratioTo(other, own) {
  const models = [other, own].map(path => ({ path, hash: path, name: path }))
  const request = { models, batches: [1], threads: [1], runs: 300 }
  const [found] = (await benchmarkModels(request, quietContext(folder))).ratios
  return found && `${found.ratio.toFixed(3)} (${found.low.toFixed(3)} to ${found.high.toFixed(3)})`
}

/** What ran of a file that is there already; null where there is none. */
async function peerRan(file, dataset) {
  if (!statSync(file, { throwIfNoEntry: false })) return null
  const prefix = join(mkdtempSync(join(folder, 'peer-')), 'ort')
  const session = await openSession(file, { threads: 1, profilePrefix: prefix })
  await session.run((await dataset.batch(dataset.indices('all'))).feeds)
  session.endProfiling()
  await session.close()
  const [name] = readdirSync(join(prefix, '..'))
  return ranKernels((await readRuns(join(prefix, '..', name))).at(-1), [])
}

/** A few made-up samples of whatever the model takes, a fixed batch included. */
function madeUp(inputs) {
  const base = arrayDataset({ x: { dims: [SAMPLES, 1], data: new Float32Array(SAMPLES) } })
  return { ...base, batch: async indices => ({ feeds: makeFeeds(inputs, indices.length) }) }
}
