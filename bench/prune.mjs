// Pruning, measured: against torch-pruning on a CNN that PyTorch trained, and on the digits sample.
//
//   python3 bench/torch-teacher.py --out FOLDER && npm run build
//   PYTHON=python3 node bench/prune.mjs peer --folder FOLDER [--seeds 3] [--epochs 5] [--recovery distill|labels]
//   node bench/prune.mjs digits [--seeds 3] [--epochs 20]
//   node bench/prune.mjs latency [--amount 0.5]
//
// peer: half the multiply-accumulates by both sides in turn, with the same samples, epochs, loss, optimizer and
// schedule; accuracy on the same test samples, and the time of the whole process (Bantam's with its proof and two
// evaluations, the peer's without writing a file). digits: half and a quarter of the multiply-accumulates, accuracy
// against the original, paired by sample; latency at batch 1 and 32 on one thread, models in turns. latency: a model
// asked to be twice as fast, measured. `--cli FILE` names another build, `--write` keeps the rows in bench/RESULTS.md.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    folder: { type: 'string', default: '' },
    model: { type: 'string', default: 'torchscript.onnx' },
    seeds: { type: 'string', default: '3' },
    epochs: { type: 'string' },
    recovery: { type: 'string', default: 'distill' },
    amount: { type: 'string', default: '0.5' },
    flags: { type: 'string', default: '' },
    cli: { type: 'string', default: join(root, 'out/main/cli.js') },
    write: { type: 'boolean', default: false },
  },
})
const seeds = Array.from({ length: Number(flags.seeds) }, (_, i) => i)
const extra = flags.flags.split(' ').filter(Boolean)
const work = mkdtempSync(join(tmpdir(), 'bantam-prune-'))
const KINDS = { peer: againstPeer, digits: onDigits, latency: byLatency }
try {
  const kind = positionals[0] ?? 'digits'
  if (!KINDS[kind]) throw new Error(`${kind} is none of ${Object.keys(KINDS).join(', ')}`)
  const lines = KINDS[kind]()
  console.log(lines.join('\n'))
  if (flags.write) write(kind, lines)
} finally {
  rmSync(work, { recursive: true, force: true })
}

function againstPeer() {
  const epochs = flags.epochs ?? '5'
  const file = name => join(flags.folder, name)
  const rows = seeds.map(seed => {
    const ours = () =>
      prune(file(flags.model), `peer-${seed}`, seed, {
        data: ['--data', file('train.npz'), '--eval-data', file('test.npz')],
        options: ['--amount', '0.5', ...recovery(epochs), '--validation', '0', ...extra],
      })
    const theirs = () => peer(file, epochs, seed)
    // Sides take turns at going first.
    const [a, b] = seed % 2 === 0 ? [ours(), theirs()] : [theirs(), ours()].reverse()
    console.error(
      `seed ${seed}: ${percent(a.accuracy)} at ${a.ratio.toFixed(2)}×, ${a.seconds.toFixed(1)} s; peer ${percent(b.accuracy)} at ${b.ratio.toFixed(2)}×, ${b.seconds.toFixed(1)} s`,
    )
    return { seed, a, b }
  })
  const mean = list => list.reduce((sum, x) => sum + x, 0) / list.length
  const gap = mean(rows.map(({ a, b }) => a.accuracy - b.accuracy))
  const time = mean(rows.map(({ a }) => a.seconds)) / mean(rows.map(({ b }) => b.seconds))
  const own = mean(rows.map(({ a }) => a.seconds)) / mean(rows.map(({ b }) => b.inside))
  return [
    '| seed | MACs, × fewer (peer) | accuracy | peer | difference | seconds | peer, whole process | peer, prune and recover |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows.map(({ seed, a, b }) =>
      row([
        seed,
        `${a.ratio.toFixed(2)} (${b.ratio.toFixed(2)})`,
        percent(a.accuracy),
        percent(b.accuracy),
        points(a.accuracy - b.accuracy),
        a.seconds.toFixed(1),
        b.seconds.toFixed(1),
        b.inside.toFixed(1),
      ]),
    ),
    '',
    `Original ${percent(rows[0].b.original)}; ${epochs} epochs of ${flags.recovery}. Mean difference ${points(gap)} points; time ${time.toFixed(2)} of the peer's whole process, ${own.toFixed(2)} of its pruning and recovery alone.`,
  ]
}

function peer(file, epochs, seed) {
  const args = ['--model', file(flags.model), '--train', file('train.npz'), '--test', file('test.npz')]
  const how = ['--epochs', epochs, '--recovery', flags.recovery, '--seed', String(seed)]
  const { out, seconds } = timed(process.env.PYTHON ?? 'python3', [
    join(root, 'bench/torch-prune.py'),
    ...args,
    ...how,
  ])
  const report = JSON.parse(out.trim().split('\n').at(-1))
  const { original, recovered } = report.accuracy
  return { accuracy: recovered, original, ratio: report.ratio, seconds, inside: report.seconds }
}

function onDigits() {
  const epochs = flags.epochs ?? '20'
  const original = join(root, 'samples/digits-teacher.onnx')
  const data = [
    '--data',
    'sample:digits',
    '--split',
    'train',
    '--eval-data',
    'sample:digits',
    '--eval-split',
    'test',
  ]
  const lines = [
    '| MACs | seed | MACs, × fewer | accuracy | against the original | latency, batch 1 | batch 32 | share of the promise |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
  ]
  for (const [name, amount] of [
    ['half', 0.5],
    ['a quarter', 0.75],
  ]) {
    const made = seeds.map(seed => {
      const options = ['--amount', String(amount), ...recovery(epochs), ...extra]
      const a = prune(original, `digits-${amount}-${seed}`, seed, { data, options })
      console.error(`${name}, seed ${seed}: ${percent(a.accuracy)}, ${a.seconds.toFixed(0)} s`)
      return a
    })
    for (const [seed, a] of made.entries()) {
      const faster = seed === 0 ? latencies([original, a.file]) : null
      // Of a model that needs 1/r of the multiply-accumulates, 1 − 1/r of the time is promised to go.
      const promised = 1 - 1 / a.ratio
      lines.push(
        row([
          name,
          seed,
          a.ratio.toFixed(2),
          percent(a.accuracy),
          differenceText(a.difference),
          ...(faster
            ? faster.map(r => `${r.ratio.toFixed(2)} (${r.low.toFixed(2)} to ${r.high.toFixed(2)})`)
            : ['', '']),
          faster ? faster.map(r => `${((100 * (1 - r.ratio)) / promised).toFixed(0)} %`).join(', ') : '',
        ]),
      )
      console.error(lines.at(-1))
    }
  }
  return lines
}

function byLatency() {
  const original = join(root, 'samples/digits-teacher.onnx')
  const lines = [
    '| model | asked | measured, batch 1 | MACs, × fewer | seconds to plan and make |',
    '| --- | --- | --- | --- | --- |',
  ]
  const models = [['digits sample', original]]
  if (flags.folder) models.push(['CNN of PyTorch', join(flags.folder, flags.model)])
  for (const [name, model] of models) {
    for (const seed of seeds) {
      const options = ['--amount', flags.amount, '--target', 'latency', ...extra]
      const a = prune(model, `latency-${name.length}-${seed}`, seed, { data: [], options })
      const [batch1] = latencies([model, a.file], '1')
      const asked = `${(1 / (1 - Number(flags.amount))).toFixed(1)}×`
      const got = r => `${(1 / r).toFixed(2)}×`
      lines.push(
        row([
          name,
          asked,
          `${got(batch1.ratio)} (${got(batch1.high)} to ${got(batch1.low)})`,
          a.ratio.toFixed(2),
          a.seconds.toFixed(1),
        ]),
      )
      console.error(lines.at(-1))
    }
  }
  return lines
}

function recovery(epochs) {
  return ['--recover', epochs, '--recovery', flags.recovery]
}

function prune(model, name, seed, { data, options }) {
  const file = join(work, `${name}.onnx`)
  const args = ['prune', model, '--method', 'channels', ...options, ...data]
  const how = ['--seed', String(seed), '--threads', '2', '--json', '--out', file]
  const { out, seconds } = timed(process.execPath, [flags.cli, ...args, ...how])
  const { macs, parameters, evaluation } = JSON.parse(out)
  return {
    file,
    seconds,
    ratio: macs.before / macs.after,
    parameters,
    accuracy: evaluation?.metrics.accuracy.value ?? Number.NaN,
    difference: evaluation?.difference ?? null,
  }
}

/** Latency relative to the first model by batch, one thread, models in turns. */
function latencies(models, batch = '1,32') {
  const { out } = timed(process.execPath, [
    flags.cli,
    'benchmark',
    ...models,
    '--batch',
    batch,
    '--threads',
    '1',
    '--json',
  ])
  return JSON.parse(out).ratios
}

function timed(command, args) {
  const start = performance.now()
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 28 })
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')}\n${result.stdout}${result.stderr}`)
  return { out: result.stdout, seconds: (performance.now() - start) / 1000 }
}

function differenceText(difference) {
  if (!difference) return ''
  const { value, low, high } = difference
  const shown = low > 0 || high < 0 ? '' : ': none shown'
  return `${points(value)} (${points(low)} to ${points(high)})${shown}`
}

function row(cells) {
  return `| ${cells.join(' | ')} |`
}

function percent(share) {
  return `${(100 * share).toFixed(2)} %`
}

function points(share) {
  return `${share > 0 ? '+' : ''}${(100 * share).toFixed(2)}`
}

/** Puts a table between its marks in bench/RESULTS.md. */
function write(kind, lines) {
  const path = join(root, 'bench/RESULTS.md')
  const text = readFileSync(path, 'utf8')
  const [open, close] = [`<!-- prune ${kind} -->`, `<!-- /prune ${kind} -->`]
  const [from, to] = [text.indexOf(open), text.indexOf(close)]
  if (from < 0 || to < 0) throw new Error(`bench/RESULTS.md lacks ${open} … ${close}`)
  const machine = `${cpus()[0]?.model}, ${cpus().length} logical cores, Node ${process.versions.node}.`
  writeFileSync(path, `${text.slice(0, from)}${open}\n${machine}\n\n${lines.join('\n')}\n${text.slice(to)}`)
}
