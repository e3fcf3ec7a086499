// Does distillation pay? Trains the same student with and without its teacher, over several seeds, on a sample.
//   node bench/distill.mjs digits|spam [--seeds 5] [--epochs N] [--cli FILE]
// Prints, on the test split: the student's accuracy with each seed, its loss against the teacher (mean over seeds, 95 %
// interval of the mean by Student's t), and the difference that the teacher makes (paired by seed, same interval).
// The control is the same student, from the same first weights, on labels alone.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const SAMPLES = {
  digits: {
    student: 'slim:0.35',
    epochs: '40',
    flags: ['--learning-rate', '0.003', '--augment', 'rotate', 'shift'],
  },
  // Chosen by the calibration split: without hidden tokens the teacher is certain of every mail it learnt from, and its
  // answers say no more than the labels. The few mails that could be held out choose an epoch by chance: none are.
  spam: {
    student: 'slim:0.35',
    epochs: '8',
    flags: [
      ...['--learning-rate', '0.001', '--augment', 'token-dropout', '--validation', '0'],
      ...['--temperature', '8', '--label-weight', '0.5'],
    ],
  },
}
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '5' },
    epochs: { type: 'string' },
    init: { type: 'string', default: 'teacher' },
    cli: { type: 'string', default: join(root, 'app/cli/bantam.mjs') },
  },
})
const name = positionals[0] ?? 'digits'
const sample = SAMPLES[name]
const seeds = Array.from({ length: Number(values.seeds) }, (_, i) => i)
const folder = mkdtempSync(join(tmpdir(), 'bantam-distill-'))
const teacher = join(root, `samples/${name}-teacher.onnx`)
try {
  const rows = seeds.map(seed => {
    const distilled = train(seed, 'kd')
    const control = train(seed, 'none')
    console.log(
      `seed ${seed}: distilled ${percent(distilled.accuracy)}, alone ${percent(control.accuracy)}, teacher ${percent(distilled.teacher)}; ${distilled.parameters} parameters; ${distilled.seconds.toFixed(0)} and ${control.seconds.toFixed(0)} s`,
    )
    return { distilled, control }
  })
  const against = interval(rows.map(r => r.distilled.accuracy - r.distilled.teacher))
  const gain = interval(rows.map(r => r.distilled.accuracy - r.control.accuracy))
  console.log(`${name}, ${sample.student}, ${seeds.length} seeds, first weights ${values.init}`)
  console.log(`  against the teacher: ${points(against)}`)
  console.log(`  against the same student without the teacher: ${points(gain)}${shown(gain)}`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function train(seed, loss) {
  const out = join(folder, `${loss}-${seed}.onnx`)
  const data = ['--data', `sample:${name}`, '--split', 'train']
  const test = ['--eval-data', `sample:${name}`, '--eval-split', 'test']
  const what = ['--teacher', teacher, '--student', sample.student, '--loss', loss, '--init', values.init]
  const how = ['--epochs', values.epochs ?? sample.epochs, ...sample.flags, '--seed', String(seed)]
  const run = spawnSync(
    process.execPath,
    [values.cli, 'distill', ...what, ...data, ...test, ...how, '--threads', '2', '--json', '--out', out],
    { encoding: 'utf8', maxBuffer: 2 ** 28 },
  )
  if (run.status !== 0) throw new Error(run.stderr)
  const { evaluation, plan, seconds } = JSON.parse(run.stdout)
  const accuracy = evaluation.metrics.accuracy.value
  return {
    accuracy,
    teacher: accuracy - evaluation.difference.value,
    parameters: plan.decisions.trainableParameters,
    seconds,
  }
}

/** Mean and the half-width of its 95 % interval: t(n − 1)·s/√n. */
function interval(list) {
  const T = [Number.NaN, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262]
  const mean = list.reduce((a, b) => a + b, 0) / list.length
  const variance = list.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (list.length - 1)
  const half = (T[list.length - 1] ?? 2) * Math.sqrt(variance / list.length)
  return { mean, low: mean - half, high: mean + half }
}

function points({ mean, low, high }) {
  const text = v => `${v > 0 ? '+' : ''}${(100 * v).toFixed(2)}`
  return `${text(mean)} points (${text(low)} to ${text(high)})`
}

function shown({ low, high }) {
  return low <= 0 && high >= 0 ? ': no difference shown' : ''
}

function percent(share) {
  return `${(100 * share).toFixed(2)} %`
}
