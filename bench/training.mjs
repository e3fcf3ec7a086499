// Training steps against PyTorch on the CPU: `PYTHON=… node bench/training.mjs [net …]` (time and memory), with --curves
// the losses of 100 steps of SGD, with --busy processor time alone. Writes the section "Training" of bench/RESULTS.md when all nets were asked for.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { openEngine, root } from './engine.mjs'

const NETS = ['lenet', 'resnet20', 'mobile', 'mlp', 'transformer']
const CLASSES = { transformer: 2 }
const BATCH = 64
const THREADS = 2
const ROUNDS = 5
/** Learning rates of the curves, small enough that PyTorch's own curve does not depend on its rounding. */
const RATES = { lenet: 0.05, resnet20: 0.01, mobile: 0.01, mlp: 0.05, transformer: 0.02 }
const BATCHES = 10
/** Nets with batch normalization make much of rounding: how much, PyTorch in float32 against float64 shows. */
const BY_BATCH = new Set(['resnet20', 'mobile'])

const python = process.env.PYTHON ?? 'python3'
const peer = join(root, 'bench/peers/training_peer.py')
const args = process.argv.slice(2)
/** With other work on the machine the clock is left out: PyTorch's threads wait for each other by spinning. */
const BUSY = args.includes('--busy')

async function main() {
  const asked = args.filter(a => !a.startsWith('--'))
  const nets = asked.length > 0 ? asked : NETS
  const folder = mkdtempSync(join(tmpdir(), 'bantam-training-'))
  try {
    for (const net of nets) {
      const made = spawnSync(python, [peer, 'export', net, folder], { encoding: 'utf8' })
      if (made.status !== 0) throw new Error(made.stderr)
    }
    const curves = args.includes('--curves')
    const rows = []
    for (const net of nets) {
      const row = curves ? await curve(net, folder) : await race(net, folder)
      rows.push(row)
      console.log(Object.values(row).join('  '))
    }
    if (asked.length === 0) writeTable(curves ? 'curves' : 'steps', rows)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A process that answers each line with a line of JSON. */
function start(command, commandArgs) {
  const child = spawn(command, commandArgs, { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async ask(line) {
      child.stdin.write(`${line}\n`)
      const { value, done } = await lines.next()
      if (done) throw new Error(`${commandArgs.join(' ')} ended.`)
      return JSON.parse(value)
    },
    end: () => child.stdin.end(),
  }
}

/** The engine, and the peer. */
function bothSides(net, folder, threads) {
  return [
    start(process.execPath, [fileURLToPath(import.meta.url), '--serve', net, folder, String(threads)]),
    start(python, [peer, 'serve', net, String(threads)]),
  ]
}

const sorted = list => [...list].sort((a, b) => a - b)
const median = list => sorted(list)[list.length >> 1]

/**
 * Both take turns of about half a second. On a busy machine the time on the clock says most about who waits for whom;
 * what one thread spends on the processor says what the work costs.
 */
async function race(net, folder) {
  const { clock, memory, spent: both } = await takeTurns(net, folder, BUSY ? 1 : THREADS)
  const spent = BUSY ? both : (await takeTurns(net, folder, 1)).spent
  const medians = clock.map(median)
  const least = clock.map(list => Math.min(...list))
  const work = spent.map(list => Math.min(...list))
  const pair = list => list.map(v => v.toFixed(1)).join(' / ')
  const ratio = ([a, b]) => (a / b).toFixed(2)
  return {
    net,
    ...(BUSY
      ? {}
      : { medians: pair(medians), ratio: ratio(medians), least: pair(least), leastRatio: ratio(least) }),
    work: pair(work),
    workRatio: ratio(work),
    memory: memory.map(bytes => Math.round(bytes / 1e6)).join(' / '),
    memoryRatio: ratio(memory),
  }
}

async function takeTurns(net, folder, threads) {
  const sides = bothSides(net, folder, threads)
  const clock = [[], []]
  const spent = [[], []]
  const turn = []
  for (const side of sides) {
    const warm = await side.ask('steps 3')
    turn.push(Math.max(2, Math.min(50, Math.round(500 / median(warm.clock)))))
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, side] of sides.entries()) {
      // Threads of the other side go on spinning for a moment.
      await new Promise(resolve => setTimeout(resolve, 100))
      const answer = await side.ask(`steps ${turn[i]}`)
      clock[i].push(...answer.clock)
      spent[i].push(...answer.spent)
    }
  }
  const memory = [await sides[0].ask('memory'), await sides[1].ask('memory')]
  for (const side of sides) side.end()
  return { clock, spent, memory }
}

/** A training step of the engine, from the ONNX file PyTorch wrote. */
async function openStep(net, folder, optimizer, threads) {
  const engine = await openEngine()
  const load = path => engine.load(path)
  const { readModel } = await load('main/onnx/read')
  const { addLosses, LOSS } = await load('main/autodiff/losses')
  const { untieNormalization } = await load('main/autodiff/untie')
  const { runningStatistics } = await load('main/autodiff/prepare')
  const { liftConstants } = await load('main/onnx/passes/lift-constants')
  const { HardLoss } = await load('shared/training')
  const { TrainingStep } = await load('main/training/step')
  const { Random } = await load('main/data/random')
  const { model } = await liftConstants.run(await readModel(join(folder, `${net}.onnx`)))
  const untied = untieNormalization(model)
  const statistics = new Set(runningStatistics(untied))
  const loss = HardLoss.parse({ kind: 'cross-entropy' })
  const lossed = await addLosses(untied, [{ loss, of: 'logits', labels: 'index' }])
  const wrt = untied.graph.proto.initializer
    .filter(t => t.dataType === 1 && t.dims.length > 0 && !statistics.has(t.name) && !t.name.startsWith('/'))
    .map(t => t.name)
  const step = await TrainingStep.open({
    model: lossed.model,
    loss: LOSS,
    parts: [],
    wrt,
    optimizer,
    shapes: {},
    frozenStatistics: false,
    scaled: false,
    device: 'cpu',
    threads,
  })
  await engine.close()
  const [target] = lossed.parts[0].targets
  const random = new Random(1)
  return async (x, y, rate) => {
    const feeds = { x, [target.input]: y }
    const result = await step.gradients(feeds, random)
    step.optimizer.step(rate)
    return result.loss
  }
}

const DIMS = {
  lenet: [BATCH, 1, 28, 28],
  resnet20: [BATCH, 3, 32, 32],
  mobile: [BATCH, 3, 32, 32],
  mlp: [BATCH, 784],
  transformer: [BATCH, 128],
}

/** Seeded numbers in [0, 1): mulberry32. */
function generator(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** Samples that can be told apart: half of a pixel is its class's own; three tokens in four are of its class's half. */
function batch(net, seed) {
  const random = generator(seed)
  const dims = DIMS[net]
  const size = dims.slice(1).reduce((a, b) => a * b, 1)
  const classes = CLASSES[net] ?? 10
  const y = Array.from({ length: BATCH }, () => Math.floor(random() * classes))
  const tokens = net === 'transformer'
  const sample = label => {
    const own = generator(1000 + label)
    return Array.from({ length: size }, () => {
      if (!tokens) return (random() + own()) / 2
      const half = random() < 0.75 ? label : 1 - label
      return BigInt(Math.floor(random() * 2048) + 2048 * half)
    })
  }
  const values = y.flatMap(sample)
  return {
    x: tokens
      ? { type: 'int64', dims, data: BigInt64Array.from(values) }
      : { type: 'float32', dims, data: Float32Array.from(values) },
    y: { type: 'int64', dims: [BATCH], data: BigInt64Array.from(y, BigInt) },
  }
}

/** The child process of `takeTurns`. */
async function serve(net, folder, threads) {
  const step = await openStep(net, folder, { kind: 'adam' }, threads)
  const { x, y } = batch(net, 1)
  for await (const line of createInterface({ input: process.stdin })) {
    const [word, count] = line.split(' ')
    if (word === 'memory') {
      const peak = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))
      console.log(Number(peak?.[1]) * 1024)
      continue
    }
    const clock = []
    const spent = []
    for (let i = 0; i < Number(count); i++) {
      const begin = performance.now()
      const used = process.cpuUsage()
      await step(x, y, 1e-3)
      const { user, system } = process.cpuUsage(used)
      clock.push(performance.now() - begin)
      spent.push((user + system) / 1e3)
    }
    console.log(JSON.stringify({ clock, spent }))
  }
  process.exit(0)
}

/** Losses from the same weights and batches, against PyTorch in float32, and PyTorch's in float32 against its float64. */
async function curve(net, folder) {
  const batches = Array.from({ length: BATCHES }, (_, i) => batch(net, i + 1))
  const bytes = list => Buffer.concat(list.map(t => Buffer.from(t.data.buffer)))
  writeFileSync(join(folder, `${net}.x`), bytes(batches.map(b => b.x)))
  writeFileSync(join(folder, `${net}.y`), bytes(batches.map(b => b.y)))
  const rate = RATES[net]
  const python32 = peerCurve(net, folder, rate)
  const python64 = BY_BATCH.has(net) ? peerCurve(net, folder, rate, 'double') : undefined
  const step = await openStep(net, folder, { kind: 'sgd' }, 1)
  const losses = []
  for (let i = 0; i < 100; i++) {
    const { x, y } = batches[i % BATCHES]
    losses.push(await step(x, y, rate))
  }
  const worst = (a, b) => Math.max(...a.map((v, i) => Math.abs(v / b[i] - 1)))
  const percent = share => `${(share * 100).toPrecision(2)} %`
  return {
    net,
    rate,
    first: losses[0].toFixed(4),
    last: losses[99].toFixed(4),
    peerLast: python32[99].toFixed(4),
    worst: percent(worst(losses, python32)),
    peerWorst: python64 ? percent(worst(python32, python64)) : '',
  }
}

function peerCurve(net, folder, rate, ...more) {
  const env = { ...process.env, RATE: String(rate) }
  const run = spawnSync(python, [peer, 'curve', net, folder, ...more], { encoding: 'utf8', env })
  if (run.status !== 0) throw new Error(run.stderr)
  return JSON.parse(run.stdout)
}

function writeTable(kind, rows) {
  const file = join(root, 'bench/RESULTS.md')
  const text = readFileSync(file, 'utf8')
  const [open, close] = [`<!-- training ${kind} -->\n`, `<!-- /training ${kind} -->`]
  const [start, end] = [text.indexOf(open), text.indexOf(close)]
  if (start < 0 || end < start) throw new Error(`${file} has lost its marks ${open.trim()}.`)
  const head =
    kind === 'steps'
      ? [
          'net',
          'ms per step',
          'PyTorch',
          'ratio of medians',
          'ratio of minima',
          'peak MB, ours / PyTorch',
          'ratio',
        ]
      : [
          'net',
          'rate',
          'first loss',
          'last loss',
          "PyTorch's last",
          'largest difference',
          "PyTorch's float32 to its float64",
        ]
  const line = cells => `| ${cells.join(' | ')} |`
  const table = [line(head), line(head.map(() => '---')), ...rows.map(row => line(Object.values(row)))].join(
    '\n',
  )
  const machine = `${cpus()[0]?.model.trim()}, ${cpus().length} logical cores, Node ${process.versions.node}.`
  writeFileSync(file, `${text.slice(0, start)}${open}${machine}\n\n${table}\n${text.slice(end)}`)
}

if (args[0] === '--serve') await serve(args[1], args[2], Number(args[3]))
else await main()
