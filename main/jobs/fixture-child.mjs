// A job process for tests of the queue: does what the name of the study says.
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const send = message => process.send(message)
let onCancel = () => {}

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
}

const ANSWERS = {
  techniques: id => send({ type: 'answer', id, value: process.pid }),
  devices: () => process.abort(),
  step: id => send({ type: 'refused', id, error: { code: 'bad-option', message: 'No such option.' } }),
  probe: () => {},
}

process.on('message', message => {
  if (message.type === 'run') BEHAVIOUR[message.task.input.study.name](message)
  else if (message.type === 'ask') ANSWERS[message.ask.kind](message.id)
  else onCancel()
})
process.on('disconnect', () => process.exit(1))

function put(store, text) {
  const file = createHash('sha256').update(text).digest('hex')
  const path = join(store, 'files', file.slice(0, 2), file.slice(2))
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return { file, bytes: text.length }
}
