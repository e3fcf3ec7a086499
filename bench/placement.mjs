// What really runs in 8 bits when networks are quantized, from ONNX Runtime's profile: nodes planned, those that fell
// back to float, and kernels by what they do. Values are made up: accuracy means nothing here.
//
//   node bench/placement.mjs FOLDER_OR_FILE ... [--format U8S8] [--peer FOLDER [--time]] [--results FILE] [--minutes N]
//
// bench/structure-models.py makes the networks, bench/peers/quantize-folder.py what onnxruntime.quantization makes of
// them: with --peer these files, of the same names, are looked at as well, and with --time both are timed in turns (one
// sample, one thread; below 1 ours is faster). --results keeps a line of JSON for each network: what is in it is not done
// again, so that a run can go on where another ended, and --minutes begins none later. A line without a time is done again
// where times are wanted. Ends with 1 when some file fails, a planned node falls back, or an interval lies above 1.02.
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
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
    results: { type: 'string' },
    minutes: { type: 'string', default: '1000' },
    runs: { type: 'string', default: '300' },
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
/** A network is not to be slower than the peer's by more. */
const SLOWER = 1.02
/** Lengths tried for inputs whose length the file leaves open; exports often hold on to the one they were made with. */
const LENGTHS = [undefined, 64, 16, 6]

const known = new Map()
if (flags.results && existsSync(flags.results)) {
  for (const line of readFileSync(flags.results, 'utf8').split('\n').filter(Boolean)) {
    const result = JSON.parse(line)
    if (!flags.time || result.ratio || !result.peer) known.set(result.name, result)
  }
}
const end = Date.now() + 60_000 * Number(flags.minutes)
const results = []
let waiting = 0
for (const file of files) {
  const name = basename(file, '.onnx')
  const before = known.get(name)
  if (!before && Date.now() > end) {
    waiting++
    continue
  }
  const result = before ?? { name, ...(await examined(file)) }
  results.push(result)
  if (!before && flags.results) appendFileSync(flags.results, `${JSON.stringify(result)}\n`)
  if (!before) console.error(line(result))
}
rmSync(folder, { recursive: true, force: true })
await engine.close()
report()

async function examined(file) {
  let failure
  for (const length of LENGTHS) {
    try {
      return await examine(file, length)
    } catch (error) {
      failure ??= error
    }
  }
  return { error: failure.code ? failure.message : failure.stack }
}

async function examine(file, length) {
  const inputs = modelInputs(await readModel(file))
  const dataset = madeUp(length === undefined ? inputs : inputs.map(input => ofLength(input, length)))
  const out = join(folder, basename(file))
  const step = { technique: 'quantize.static-int8', options: { format: flags.format, samples: SAMPLES } }
  const calibration = { dataset, indices: dataset.indices('all') }
  const request = { parent: file, step, seed: 0, calibration, out, threads: 1, device: 'cpu', force: true }
  const { evidence } = await makeVariant(request, quietContext(folder))
  const { ran } = evidence.verification
  const share = evidence.result.sizeBytes / evidence.parent.sizeBytes
  const other = flags.peer && join(flags.peer, basename(file))
  const peer = other ? await peerRan(other, dataset) : null
  const ratio = peer && flags.time ? await ratioTo(other, out, dataset) : null
  return { ran, share, peer, ratio }
}

/** The second dimension, where the file leaves it open. */
function ofLength(input, length) {
  const shape = input.shape.map((d, axis) => (axis === 1 && typeof d === 'string' ? length : d))
  return { ...input, shape }
}

/** Latency of a file relative to another, with its 95 % interval. */
async function ratioTo(other, own, dataset) {
  const models = [other, own].map(path => ({ path, hash: path, name: path }))
  const request = { models, batches: [1], threads: [1], runs: Number(flags.runs), dataset }
  const [found] = (await benchmarkModels(request, quietContext(folder))).ratios
  return found ? { ratio: found.ratio, low: found.low, high: found.high } : null
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

function line({ name, error, ran, share, peer, ratio }) {
  if (error) return `| ${name} | ${error} |`
  const fell = ran.fellBack.map(node => `${node.op} ${node.name}`).join(', ')
  const cells = [
    name,
    share.toFixed(2),
    ran.planned,
    fell || 0,
    ran.int8,
    ran.float,
    ran.quantize,
    ran.conversion,
  ]
  if (flags.peer) cells.push(peer ? `${peer.int8}, ${peer.float}, ${peer.quantize}` : '')
  if (flags.time)
    cells.push(ratio ? `${ratio.ratio.toFixed(3)} (${ratio.low.toFixed(3)} to ${ratio.high.toFixed(3)})` : '')
  return `| ${cells.join(' | ')} |`
}

/** The table, and what of it is not as it should be. */
function report() {
  const columns = [
    'network',
    'size',
    'planned',
    'fell back',
    'int8',
    'float',
    'conversions to 8 bits and back',
    'layout',
  ]
  if (flags.peer) columns.push('peer: int8, float, conversions')
  if (flags.time) columns.push('latency next to the peer')
  console.log(`| ${columns.join(' | ')} |\n|${' --- |'.repeat(columns.length)}`)
  for (const result of results) console.log(line(result))
  const failed = results.filter(({ error, ran }) => error || ran.fellBack.length > 0)
  const timed = results.filter(({ ratio }) => ratio).sort((a, b) => a.ratio.ratio - b.ratio.ratio)
  const slower = timed.filter(({ ratio }) => ratio.low > SLOWER)
  console.error(`${results.length} networks, ${waiting} not begun; failed or fell back: ${failed.length}.`)
  if (timed.length > 0) {
    const at = share => timed[Math.min(timed.length - 1, Math.floor(share * timed.length))]
    const [first, middle, last] = [at(0), at(0.5), at(1)].map(
      ({ name, ratio }) => `${ratio.ratio.toFixed(3)} (${name})`,
    )
    console.error(
      `${timed.length} timed: ${first} to ${last}, median ${middle}; above ${SLOWER} beyond the noise: ${slower.map(({ name }) => name).join(', ') || 'none'}.`,
    )
  }
  process.exitCode = failed.length + slower.length > 0 ? 1 : 0
}
