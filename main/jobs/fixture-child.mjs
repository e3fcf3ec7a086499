// A job process for tests of the queue: does what the name of the study says; a training, what its option says.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const send = message => process.send(message)
let onCancel = () => {}
let asked

const BEHAVIOUR = {
  good({ store, tempDir }) {
    writeFileSync(join(tempDir, 'draft'), 'x')
    send({ type: 'progress', fraction: 0.5, stage: 'halfway' })
    send({ type: 'log', line: 'a line of the job' })
    console.error('\u001b[33ma line on stderr\u001b[0m')
    send({ type: 'done', result: put(store, 'the report') })
  },
  backwards({ store }) {
    for (const fraction of [0.2, 0.6, 0.4, 0.9]) send({ type: 'progress', fraction, stage: `at ${fraction}` })
    setTimeout(() => send({ type: 'done', result: put(store, 'backwards') }), 300)
  },
  flood({ store }) {
    for (let i = 0; i < 3000; i++) send({ type: 'progress', fraction: i / 3000, stage: `step ${i}` })
    send({ type: 'done', result: put(store, 'flood') })
  },
  talkative({ store }) {
    for (let i = 0; i < 8000; i++) send({ type: 'log', line: `line ${i} ${'.'.repeat(100)}` })
    send({ type: 'done', result: put(store, 'talk') })
  },
  fail() {
    const error = {
      code: 'bad-data',
      message: 'Sample 7 is broken.',
      where: 'data.npz',
      action: 'Remove it.',
    }
    send({ type: 'failed', error, detail: 'Error: at a place' })
  },
  abort() {
    send({ type: 'progress', fraction: 0.3, stage: 'Quantizing the weights' })
    process.stderr.write('terminate called after throwing an instance of Something\n', () => process.abort())
  },
  exit() {
    process.exit(3)
  },
  polite({ tempDir }) {
    writeFileSync(join(tempDir, 'draft'), 'x')
    send({ type: 'progress', fraction: 0.1, stage: 'waiting' })
    onCancel = () => send({ type: 'failed', error: { code: 'cancelled', message: 'Cancelled.' }, detail: '' })
  },
  deaf() {
    send({ type: 'progress', fraction: 0.1, stage: 'waiting' })
    // Like ONNX Runtime inside a run: the event loop does not turn. The message gets out first.
    setTimeout(() => {
      for (;;);
    }, 50)
  },
  stubborn({ store }) {
    send({ type: 'progress', fraction: 0.1, stage: 'waiting' })
    onCancel = () => send({ type: 'done', result: put(store, 'done all the same') })
  },
  /** Counts to `steps`, one every 10 ms, keeping its place after each; `from` is where it started. */
  trains({ keepDir, task }) {
    const { steps } = task.step.options
    const place = join(keepDir, 'step')
    let step = existsSync(place) ? Number(readFileSync(place, 'utf8')) : 0
    send({ type: 'log', line: `process ${process.pid} goes on from ${step}` })
    const tick = () => {
      if (asked === 'pause') return failed('paused')
      if (step === steps || asked === 'finish') return send({ type: 'done', result: trained(task, step) })
      step++
      writeFileSync(`${place}.part`, String(step))
      renameSync(`${place}.part`, place)
      send({ type: 'training', record: record(step) })
      send({ type: 'progress', fraction: step / steps, stage: 'training' })
      setTimeout(tick, 10)
    }
    onCancel = () => failed('cancelled')
    tick()
  },
  /** Keeps its place once `after` ms have passed, and hears nothing. */
  absorbed({ keepDir, task }) {
    send({ type: 'progress', fraction: 0.1, stage: 'training' })
    setTimeout(() => {
      const start = Date.now()
      for (let kept = false; ; ) {
        if (kept || Date.now() - start < task.step.options.after) continue
        writeFileSync(join(keepDir, 'step'), '1')
        kept = true
      }
    }, 20)
  },
  /** Keeps its place, then fails with an error of the code. */
  fails({ keepDir, task }) {
    writeFileSync(join(keepDir, 'step'), '1')
    send({ type: 'training', record: record(1) })
    failed(task.step.options.code)
  },
}

const ANSWERS = {
  techniques: id => send({ type: 'answer', id, value: process.pid }),
  devices: () => process.abort(),
  step: id => send({ type: 'refused', id, error: { code: 'bad-option', message: 'No such option.' } }),
  probe: () => {},
}

process.on('message', message => {
  if (message.type === 'run') BEHAVIOUR[behaviour(message.task)](message)
  else if (message.type === 'pause' || message.type === 'finish') asked = message.type
  else if (message.type === 'ask') ANSWERS[message.ask.kind](message.id)
  else onCancel()
})
process.on('disconnect', () => process.exit(1))

function behaviour(task) {
  return task.kind === 'variant' ? task.step.options.behaviour : task.input.study.name
}

function failed(code) {
  send({ type: 'failed', error: { code, message: `The error ${code}.` }, detail: '' })
}

/** What is told of a training after so many steps. */
function record(step) {
  const point = {
    step,
    epoch: step / 10,
    loss: 1 / step,
    parts: [1 / step],
    learningRate: 0.1,
    gradientNorm: 1,
  }
  return {
    technique: 'distill.student',
    parts: ['labels'],
    metric: { name: 'accuracy', title: 'Accuracy', higherIsBetter: true },
    teacher: null,
    totalEpochs: 10,
    stepsPerEpoch: 10,
    samples: { train: 100, validation: 0 },
    trainableParameters: 10,
    points: [point],
    epochs: [],
    best: null,
    samplesPerSecond: 1,
    device: 'cpu',
    ended: null,
    notes: [],
  }
}

/** A made-up result of a training. */
function trained(task, step) {
  const verification = { loads: true, parity: null, notes: [] }
  const plan = {
    technique: task.step.technique,
    version: 1,
    seed: 0,
    options: task.step.options,
    decisions: { step },
    notes: [],
  }
  const files = { hash: createHash('sha256').update(String(step)).digest('hex'), sizeBytes: 10 }
  const evidence = {
    format: 'bantam-evidence',
    version: 1,
    bantam: '0',
    onnxruntime: '0',
    parent: { hash: task.parent.hash, sizeBytes: 10 },
    result: files,
    plan,
    planDigest: `digest ${step}`,
    dataset: null,
    verification,
    training: { ...record(step), ended: 'done' },
    createdAt: new Date().toISOString(),
  }
  const summary = {
    ...files,
    opset: 17,
    opsets: { '': 17 },
    producer: 'test',
    inputs: [],
    outputs: [],
    parameters: 10,
    macs: 8,
    unknownCost: {},
    nodes: 1,
    operators: {},
    layers: [],
    notes: [],
  }
  const measurements = { evaluations: [], benchmark: null, profiles: {}, notes: [] }
  return { title: 'Student', summary, plan, evidence, verification, measurements }
}

function put(store, text) {
  const file = createHash('sha256').update(text).digest('hex')
  const path = join(store, 'files', file.slice(0, 2), file.slice(2))
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return { file, bytes: text.length }
}
