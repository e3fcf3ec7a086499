/** `bantam train` and `bantam distill`, run as commands. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeModel, makeNode, makeValue } from '../../main/onnx/build'
import { makeTensor } from '../../main/onnx/tensor'
import { writeModel } from '../../main/onnx/write'
import { spiral, spiralNet } from '../../main/training/testing'
import { type BuiltCli, buildCli, document, type Run, refused, refusedEach } from './testing'

let cli: BuiltCli
let folder: string
const path = (name: string) => join(folder, name)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-learn-'))
  cli = await buildCli()
  await writeModel(spiralNet(), path('net.onnx'))
  await writeModel(
    makeModel({
      nodes: [makeNode('Gemm', ['x', 'w', 'b'], ['y'])],
      inputs: [makeValue('x', 'float32', ['batch', 2])],
      outputs: [makeValue('y', 'float32', ['batch', 1])],
      initializers: [makeTensor('w', 'float32', [2, 1], [0, 0]), makeTensor('b', 'float32', [1], [0])],
      opset: 17,
    }),
    path('line.onnx'),
  )
  const data = spiral(300)
  const { feeds, labels } = await data.batch(data.indices('all'))
  const x = feeds.x?.data ?? []
  const row = (i: number, last: string | number) => `${x[2 * i]},${x[2 * i + 1]},${last}`
  const table = (last: (i: number) => string | number) =>
    `a,b,label\n${Array.from({ length: 300 }, (_, i) => row(i, last(i))).join('\n')}\n`
  writeFileSync(
    path('data.csv'),
    table(i => `arm${labels?.[i]}`),
  )
  writeFileSync(
    path('numbers.csv'),
    table(i => Number(x[2 * i]) * 3 + 1),
  )
}, 120_000)
afterAll(() => {
  cli.remove()
  rmSync(folder, { recursive: true, force: true })
})

const INPUT = ['--input', 'x=a,b', '--threads', '1']

function train(out: string, ...args: string[]): string[] {
  return ['train', path('net.onnx'), '--data', path('data.csv'), ...INPUT, '--out', path(out), ...args]
}

function distill(out: string, ...args: string[]): string[] {
  const named = ['--teacher', path('net.onnx'), '--data', path('data.csv'), '--out', path(out)]
  return ['distill', ...named, ...INPUT, ...args]
}

const KEYS = ['out', 'sizeBytes', 'parent', 'seconds', 'plan', 'notes', 'verified']
const quick = ['--epochs', '2', '--batch', '32']

describe('train', () => {
  it('gives the document of the contract, and is replayed to the same bytes', () => {
    const evaluated = ['--eval-data', path('data.csv'), '--eval-split', 'test']
    const d = document(cli.run(...train('t.onnx', ...quick, '--split', 'train', ...evaluated, '--json')))
    expect(Object.keys(d)).toEqual([...KEYS, 'history', 'best', 'ended', 'evaluation'])
    expect(d.history).toHaveLength(2)
    expect(Object.keys(d.history[0])).toEqual([
      'epoch',
      'loss',
      'metric',
      'validationLoss',
      'seconds',
      'samplesPerSecond',
    ])
    expect(d.ended).toBe('done')
    expect(d.best.metric).toBeGreaterThan(0)
    expect(d.plan.options).toMatchObject({ epochs: 2, batch: 32, optimizer: 'adamw' })
    expect(d.plan.decisions).toMatchObject({ from: 'train', threads: 1 })
    expect(d.verified.notes).toEqual([])
    expect(d.evaluation.data.count).toBeGreaterThan(50)
    expect(d.evaluation.metrics.accuracy.low).toBeLessThan(d.evaluation.metrics.accuracy.value)
    expect(existsSync(path('t.onnx.checkpoint'))).toBe(false)
    const replayed = document(cli.run('replay', path('t.onnx'), '--json'))
    expect(replayed).toMatchObject({ identical: true, reason: null })
  }, 120_000)

  it('learns numbers, and says for a person how it went', () => {
    const numbers = ['--data', path('numbers.csv'), '--task', 'regression']
    refused(
      cli.run(...train('r.onnx', ...numbers)),
      `There is one target per sample, but the answer is logits [batch, 3]. [${path('numbers.csv')}]`,
    )
    const args = [
      '--out',
      path('r.onnx'),
      ...INPUT,
      '--epochs',
      '30',
      '--batch',
      '16',
      '--learning-rate',
      '0.05',
      '--json',
    ]
    const d = document(cli.run('train', path('line.onnx'), ...numbers, ...args))
    expect(d.plan.decisions).toMatchObject({ metric: 'rmse', losses: ['labels'] })
    expect(d.best.metric).toBeLessThan(0.2)
    expect(d.history[0].metric).toBeGreaterThan(d.best.metric)
    const { code, stdout } = cli.run(...train('p.onnx', ...quick))
    expect(code).toBe(0)
    expect(stdout).toMatch(/^epoch +loss +accuracy +samples\/s +took/)
    expect(stdout).toContain('270 samples learnt from, 30 held out; all epochs done')
    expect(stdout).toContain('wrote ')
  }, 120_000)

  it('says at which step it diverged, and leaves nothing', () => {
    const wild = [
      '--optimizer',
      'sgd',
      '--learning-rate',
      '100',
      '--clip',
      '0',
      '--warmup',
      '0',
      '--loss',
      'mse',
    ]
    const run = cli.run(...train('d.onnx', ...quick, ...wild, '--json'))
    expect([run.code, run.stdout]).toEqual([2, ''])
    expect(run.stderr).toMatch(
      /^The training diverged at step \d+ \(epoch 1\): the loss is .+ \[learningRate\] Try a learning rate of 10 or less, and gradient clipping\.\n$/,
    )
    expect(readdirSync(folder).filter(name => name.startsWith('d.onnx'))).toEqual([])
  })

  it('refuses what cannot work, in one line, before it begins', () => {
    writeFileSync(path('z.onnx.checkpoint'), '')
    refusedEach(cli, [
      [
        train('x.onnx', '--no-labels'),
        `Fine-tuning needs labelled samples. [${path('data.csv')}] Name the column of the labels, or distil instead: that needs none.`,
      ],
      [
        train('x.onnx', '--augment', 'flip'),
        'The augmentation flip needs pictures in float32, such as [3, 32, 32]; a sample here is x float32 [2]. [augment] Leave flip out.',
      ],
      [
        train('x.onnx', '--freeze', 'nope'),
        'No weight is called nope. [freeze] Weights are called w0, b0, w1 ….',
      ],
      [
        train('x.onnx', '--resume'),
        `There is no checkpoint to go on from. [${path('x.onnx.checkpoint')}] Leave out --resume.`,
      ],
      [train('x.onnx', '--resume', '--restart'), '--resume and --restart exclude each other.'],
      [
        train('z.onnx'),
        `A file lies where the checkpoints would. [${path('z.onnx.checkpoint')}] Move it, or choose another --out.`,
      ],
      [
        train('x.onnx', '--eval-data', path('none.csv')),
        `There is no such file or folder. [${path('none.csv')}] Check the path.`,
      ],
      [
        train('net.onnx'),
        `--out is the same file as the input. [${path('net.onnx')}] Choose another --out; Bantam never overwrites a model it reads.`,
      ],
    ])
    expect(readdirSync(folder).filter(name => name.startsWith('x.onnx'))).toEqual([])
  }, 120_000)
})

describe('distill', () => {
  it('makes a student with features compared, and is replayed to the same bytes', () => {
    const features = [
      '--features',
      'kind=hint,student=r1,teacher=r1,weight=0.5',
      'kind=similarity,student=r0,teacher=r0',
    ]
    const d = document(
      cli.run(...distill('s.onnx', '--student', 'slim:0.5', ...quick, ...features, '--json')),
    )
    expect(Object.keys(d)).toEqual([...KEYS, 'history', 'best', 'ended', 'evaluation'])
    expect(d.plan.decisions.losses).toEqual(['labels', 'kd', 'hint r1 → r1', 'similarity r0 → r0'])
    expect(d.evaluation).toBeNull()
    expect(d.sizeBytes).toBeLessThan(d.parent.sizeBytes)
    expect(document(cli.run('replay', path('s.onnx'), '--json')).identical).toBe(true)
    const student = document(
      cli.run(...distill('s2.onnx', '--student', path('s.onnx'), ...quick, '--no-labels', '--json')),
    )
    expect(student.plan.decisions).toMatchObject({ metric: 'agreement', losses: ['kd'] })
    expect(student.notes.map((n: { code: string }) => n.code)).toContain('no-labels')
    refused(
      cli.run('replay', path('s2.onnx'), '--model', 'a'),
      "Option '--model <name=file...>' argument 'a' is invalid. Write NAME=FILE. See `bantam replay --help`.",
    )
    expect(document(cli.run('replay', path('s2.onnx'), '--json')).identical).toBe(true)
  }, 180_000)

  it('refuses students that are none', () => {
    const accepted =
      'Write slim:R with R between 0 and 1 (slim:0.5), depth:N with N of 1 or more (depth:2), or both (slim:0.5,depth:2).'
    const refusals = [
      ['slim:2', `slim must be above 0 and below 1. [slim:2] ${accepted}`],
      ['slim:x', `slim:x is no shape of a student. [slim:x] ${accepted}`],
      ['depth:0', `depth must be a whole number of 1 or more. [depth:0] ${accepted}`],
      [
        'none.onnx',
        'There is no model none.onnx. [none.onnx] Name an ONNX file, or a shape such as slim:0.5 or depth:2.',
      ],
      [folder, `This is a folder, not a model file. [${folder}] Give the file inside it.`],
    ] as const
    refusedEach(
      cli,
      refusals.map(([student, line]) => [distill('x.onnx', '--student', student), line]),
    )
  }, 120_000)

  it('refuses a student with other outputs, and to write over it', async () => {
    const wide = path('other.onnx')
    const model = spiralNet(4)
    model.graph.proto.output[0] && Object.assign(model.graph.proto.output[0], { name: 'h2' })
    for (const node of model.graph.nodes) node.output = node.output.map(o => (o === 'logits' ? 'h2' : o))
    await writeModel(model, wide)
    const run = cli.run(...distill('x.onnx', '--student', wide))
    expect(run.code).toBe(2)
    expect(run.stderr).toMatch(
      /^The student .+; the teacher .+\. Both must take and give the same\. \[student\] [^\n]+\n$/,
    )
    writeFileSync(
      path('over.yaml'),
      `steps:\n  - technique: distill.student\n    options: { student: "${wide}" }\n`,
    )
    refused(
      cli.run(...distill('other.onnx', '--recipe', path('over.yaml'))),
      `--out is the same file as the input. [${wide}] Choose another --out; Bantam never overwrites a model it reads.`,
    )
  })
})

describe('quantize --method qat', () => {
  const qat = (out: string, ...args: string[]) => [
    ...['quantize', path('net.onnx'), '--method', 'qat', '--data', path('data.csv'), ...INPUT],
    ...['--out', path(out), ...args],
  ]

  it('trains, writes int8, compares, and is replayed to the same bytes', () => {
    const evaluated = ['--eval-data', path('data.csv'), '--eval-split', 'test']
    const d = document(cli.run(...qat('q.onnx', ...quick, '--split', 'train', ...evaluated, '--json')))
    expect(Object.keys(d)).toEqual([...KEYS, 'history', 'best', 'ended', 'evaluation'])
    expect(d.history).toHaveLength(2)
    expect(d.plan.technique).toBe('quantize.qat')
    expect(d.plan.decisions).toMatchObject({ from: 'train', learnsScales: true })
    expect(d.verified.loads).toBe(true)
    expect(d.evaluation.agreement.top1).toBeGreaterThan(0.8)
    expect(existsSync(path('q.onnx.checkpoint'))).toBe(false)
    expect(document(cli.run('replay', path('q.onnx'), '--json'))).toMatchObject({ identical: true })
  }, 120_000)

  it('refuses what cannot work, in one line', () => {
    refusedEach(cli, [
      [
        qat('q2.onnx', '--learn', 'labels', '--no-labels'),
        `Learning from labels needs labelled samples. [${path('data.csv')}] Name the column of the labels, or learn from the float model (distill).`,
      ],
      [
        qat('q2.onnx', '--resume'),
        `There is no checkpoint to go on from. [${path('q2.onnx.checkpoint')}] Leave out --resume.`,
      ],
    ])
    const without = ['quantize', path('net.onnx'), '--method', 'qat', '--out', path('q2.onnx')]
    refused(
      cli.run(...without),
      'The method qat needs samples to learn from. [--data] Add --data DATA, with samples like those the model will see.',
    )
    expect(readdirSync(folder).filter(name => name.startsWith('q2'))).toEqual([])
  }, 120_000)
})

describe('recipes', () => {
  const recipe = (name: string, text: string) => {
    writeFileSync(path(name), text)
    return ['--recipe', path(name)]
  }

  it('hold options and seed; flags go before them', () => {
    const written = recipe(
      'good.yaml',
      'seed: 7\nsteps:\n  - technique: train.labels\n    options: { epochs: 1, batch: 50, mixup: 0.2, freeze: [w0] }\n',
    )
    const d = document(cli.run(...train('y.onnx', ...written, '--batch', '25', '--json')))
    expect(d.plan.options).toMatchObject({ epochs: 1, batch: 25, mixup: 0.2, freeze: ['w0'] })
    expect(d.plan.seed).toBe(7)
    const seeded = document(cli.run(...train('y.onnx', ...written, '--seed', '3', '--json')))
    expect(seeded.plan.seed).toBe(3)
  }, 120_000)

  it('are refused where they do not fit', () => {
    const refusals: [text: string, line: RegExp][] = [
      [
        'step: 1',
        /^The recipe is not valid: steps: .+ A recipe has steps, each with a technique and its options\.\n$/,
      ],
      ['', /^The recipe is not valid: all of it: .+\n$/],
      ['a: [1', /^The recipe is not YAML: .+\n$/],
      [
        'steps: [{ technique: quantize.float16, options: {} }]',
        /^The recipe has the steps quantize\.float16; here it must be train\.labels alone\. .+\n$/,
      ],
      [
        'steps: [{ technique: train.labels, options: { epoch: 3 } }]',
        /^Fine-tune on labels has no option epoch\. \[epoch\] Its options are loss, epochs, .+\n$/,
      ],
      [
        'steps: [{ technique: train.labels, options: { epochs: many } }]',
        /^The option epochs is invalid: .+ \[epochs\]\n$/,
      ],
    ]
    refusedEach(
      cli,
      refusals.map(([text, line], i) => [train('x.onnx', ...recipe(`bad${i}.yaml`, text)), line]),
    )
    expect(existsSync(path('x.onnx.checkpoint'))).toBe(false)
  }, 120_000)
})

describe('interrupted', () => {
  const common = ['--batch', '16', '--learning-rate', '0.003', '--json']
  /** A run of about this many seconds on the machine at hand. */
  const SECONDS = 4
  const endless = ['--epochs', '20000', ...common]
  let long: string[]
  beforeAll(() => {
    const d = document(cli.run(...train('speed.onnx', '--epochs', '200', ...common)))
    // The first epochs are slower: the engine is still being compiled.
    const late: number[] = d.history.slice(100).map((e: { seconds: number }) => e.seconds)
    const epoch = late.sort((x, y) => x - y)[50] as number
    const epochs = Math.ceil(SECONDS / epoch)
    long = ['--epochs', String(epochs), ...common]
  }, 120_000)

  function start(args: string[]) {
    const child = spawn(process.execPath, [cli.file, ...args])
    let [stdout, stderr] = ['', '']
    child.stdout.on('data', chunk => {
      stdout += chunk
    })
    child.stderr.on('data', chunk => {
      stderr += chunk
    })
    const done = new Promise<Run>(resolve => child.on('close', code => resolve({ code, stdout, stderr })))
    return { child, done }
  }

  const wait = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

  /** Stops a run by SIGINT when it learns; longer waits where the machine is slow. */
  async function stopped(out: string, args: string[], meanwhile?: (pid?: number) => void): Promise<Run> {
    for (let ms = 700; ; ms += 700) {
      const run = start(train(out, ...args))
      while (!existsSync(path(`${out}.checkpoint/plan.json`))) await wait(20)
      meanwhile?.(run.child.pid)
      await wait(ms)
      run.child.kill('SIGINT')
      const ended = await run.done
      if (existsSync(path(`${out}.checkpoint/checkpoint`)) || ended.code !== 130) return ended
      expect(ended.stderr).toBe('Cancelled.\n')
      expect(existsSync(path(`${out}.checkpoint`))).toBe(false)
    }
  }

  it('by SIGINT, then killed, and taken up again, ends at the same bytes', async () => {
    const whole = document(cli.run(...train('whole.onnx', ...long)))
    const saved = path('parts.onnx.checkpoint')
    expect(await stopped('parts.onnx', long)).toEqual({
      code: 130,
      stdout: '',
      stderr: `Cancelled; the training has saved its place. [${saved}] Go on with the same command and --resume.\n`,
    })
    expect(readdirSync(saved)).toEqual(['checkpoint', 'plan.json'])
    refusedEach(cli, [
      [
        train('parts.onnx', ...long),
        `There is the checkpoint of an interrupted training. [${saved}] Go on with --resume, or start anew with --restart.`,
        1,
      ],
      [
        train('parts.onnx', ...long, '--resume', '--batch', '17'),
        `The checkpoint belongs to a training with other options, model or data. [${saved}/checkpoint] Give the same options as before, or remove the checkpoint to start anew.`,
        1,
      ],
    ])
    const killed = start(train('parts.onnx', ...long, '--resume'))
    while (!existsSync(join(saved, 'lock'))) await wait(20)
    await wait(500)
    killed.child.kill('SIGKILL')
    expect((await killed.done).code).toBeNull()
    expect(readdirSync(saved)).toContain('checkpoint')
    const resumed = document(cli.run(...train('parts.onnx', ...long, '--resume')))
    expect(readFileSync(path('parts.onnx')).equals(readFileSync(path('whole.onnx')))).toBe(true)
    const curve = (d: { history: { epoch: number; loss: number; metric: number }[] }) =>
      d.history.map(e => [e.epoch, e.loss, e.metric])
    expect(curve(resumed)).toEqual(curve(whole))
    expect(existsSync(saved)).toBe(false)
  }, 240_000)

  it('keeps others away, starts anew with --restart, and says that a checkpoint is damaged', async () => {
    const saved = path('again.onnx.checkpoint')
    await stopped('again.onnx', endless, pid =>
      refused(
        cli.run(...train('again.onnx', ...endless)),
        `Another Bantam (process ${pid}) trains for this result. [${saved}] Wait for it, stop it, or choose another --out.`,
        1,
      ),
    )
    const bytes = readFileSync(join(saved, 'checkpoint'))
    writeFileSync(join(saved, 'checkpoint'), bytes.subarray(0, bytes.length - 1))
    refused(
      cli.run(...train('again.onnx', ...endless, '--resume')),
      `The checkpoint is damaged. [${saved}/checkpoint] Remove it to start the training anew.`,
    )
    const d = document(cli.run(...train('again.onnx', ...quick, '--restart', '--json')))
    expect(d.history).toHaveLength(2)
    expect(existsSync(saved)).toBe(false)
  }, 240_000)
})
