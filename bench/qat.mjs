// Does training with the rounding in place bring back what int8 loses? On digits teachers made to break int8 (bench/
// broken-digits.mjs): static int8, the control (the float net fine-tuned for as long, then static int8), and
// quantization-aware training by labels and by the float net's answers, scales calibrated and learned.
//
//   npm run build && node bench/qat.mjs [--seeds 3] [--from 0] [--epochs 3] [--flags "--no-per-channel"] [--cli out/main/cli.js]
//
// Weights in seven bits, so that no processor saturates; without equalization, which undoes the damage, and with it (what
// quantization-aware training begins with by default). The seed breaks the net and draws batches. Prints accuracy on the sample's test split, and the mean gain over the control with
// its 95 % interval over seeds (t). No Python.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { commandLine, interval, percent, points, tableRow } from './bantam.mjs'
import { breakDigits } from './broken-digits.mjs'
import { openEngine, root } from './engine.mjs'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '3' },
    from: { type: 'string', default: '0' },
    epochs: { type: 'string', default: '3' },
    flags: { type: 'string', default: '' },
    cli: { type: 'string', default: join(root, 'out/main/cli.js') },
  },
})
const DATA = ['--data', 'sample:digits', '--split', 'train', '--threads', '1']
const PLACE = ['--reduce-range', ...values.flags.split(' ').filter(Boolean)]
/** The same for everything that trains. */
const LEARN = ['--epochs', values.epochs, '--learning-rate', '0.0003', '--batch', '32']
const QAT = {
  'QAT, labels': ['--learn', 'labels', '--no-equalize'],
  'QAD, calibrated scales': ['--scales', 'calibrated', '--no-equalize'],
  'QAD, learned scales': ['--no-equalize'],
  'QAD, equalized': [],
}
const bantam = commandLine(values.cli)
const folder = mkdtempSync(join(tmpdir(), 'bantam-qat-'))
const file = name => join(folder, `${name}.onnx`)
const { load, close } = await openEngine()
try {
  const titles = ['float32', 'static int8', 'fine-tuned, then static int8', ...Object.keys(QAT)]
  console.log(tableRow(['seed', ...titles], true))
  const rows = []
  for (let i = 0; i < Number(values.seeds); i++) {
    const seed = Number(values.from) + i
    await breakDigits(load, seed, file('broken'))
    const row = measure(seed)
    rows.push(row)
    console.log(tableRow([seed, ...row.map(percent)]))
  }
  if (rows.length > 1) {
    for (const [i, name] of Object.keys(QAT).entries())
      console.log(`${name} against the control: ${points(interval(rows.map(row => row[3 + i] - row[2])))}`)
  }
} finally {
  await close()
  rmSync(folder, { recursive: true, force: true })
}

function measure(seed) {
  const learn = [...LEARN, '--seed', String(seed)]
  const static8 = (from, to) =>
    bantam('quantize', file(from), '--method', 'static-int8', ...PLACE, ...DATA, '--force', '--out', file(to))
  static8('broken', 'static')
  // The last epoch: in float the net is right about every held-out digit before it is trained, and would be kept.
  bantam('train', file('broken'), ...DATA, ...learn, '--validation', '0', '--out', file('tuned'))
  static8('tuned', 'control')
  const trained = Object.values(QAT).map((own, i) => {
    const how = ['--method', 'qat', ...PLACE, ...own, ...learn, '--force']
    bantam('quantize', file('broken'), ...how, ...DATA, '--out', file(`qat${i}`))
    return accuracy(`qat${i}`)
  })
  return [...['broken', 'static', 'control'].map(accuracy), ...trained]
}

function accuracy(name) {
  return bantam('evaluate', file(name), '--data', 'sample:digits', '--split', 'test').metrics.accuracy.value
}
