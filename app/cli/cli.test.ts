import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeModel, makeNode, makeValue } from '../../main/onnx/build'
import { writeModel } from '../../main/onnx/write'
import { type BuiltCli, buildCli, document, refused, refusedEach } from './testing'

const TEACHER = resolve('samples/digits-teacher.onnx')
const NAMES = [
  'inspect',
  'evaluate',
  'benchmark',
  'quantize',
  'prune',
  'sensitivity',
  'distill',
  'train',
  'verify',
  'replay',
  'report',
  'bundle',
  'serve',
  'demo',
]
const DATA = 'sample:digits#0:300'
let cli: BuiltCli
let folder: string

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-cli-test-'))
  cli = await buildCli()
}, 120_000)
afterAll(() => {
  cli.remove()
  rmSync(folder, { recursive: true, force: true })
})

describe('help and usage', () => {
  it('shows the commands', () => {
    const { code, stdout, stderr } = cli.run('--help')
    expect([code, stderr]).toEqual([0, ''])
    for (const name of NAMES) expect(stdout).toContain(`\n  ${name} `)
    expect(cli.run().stdout).toBe(stdout)
    expect(cli.run('--version').stdout).toBe(`${JSON.parse(readFileSync('package.json', 'utf8')).version}\n`)
  })

  it('may be read in part: nobody complains of a closed pipe', () => {
    const reader = spawnSync('bash', [
      '-c',
      '"$0" "$1" quantize --help | head -n 1',
      process.execPath,
      cli.file,
    ])
    expect(reader.stderr.toString()).toBe('')
    expect(reader.stdout.toString()).toMatch(/^Usage: bantam quantize/)
  })

  it('comes at once: the engine is not loaded before a command needs it', () => {
    const seen = new Set<string>()
    const visit = (file: string) => {
      if (seen.has(file)) return
      seen.add(file)
      if (!file.startsWith('/') && !/^[A-Z]:/.test(file)) return
      for (const [, name = ''] of readFileSync(file, 'utf8').matchAll(/^import\b[^;]*?["']([^"']+)["']/gm)) {
        visit(name.startsWith('.') ? resolve(dirname(file), name) : name)
      }
    }
    visit(cli.file)
    const packages = [...seen].filter(
      name => !name.startsWith('node:') && name !== cli.file && !isAbsolute(name),
    )
    expect(packages.sort()).toEqual(['commander'])
  })

  it('makes the flags of a method from its options', () => {
    const { stdout } = cli.run('quantize', '--method', 'static-int8', '--help')
    for (const flag of [
      '--calibration <',
      '--per-channel',
      '--no-per-channel',
      '--samples <n>',
      '--exclude <node...>',
      '--data <data>',
    ]) {
      expect(stdout).toContain(flag)
    }
    expect(stdout.replace(/\s+/g, ' ')).toContain('(minmax, entropy, percentile, mse; default: minmax)')
    const all = cli.run('quantize', '--help').stdout
    for (const method of ['static-int8', 'dynamic-int8', 'weight-int8', 'weight-int4', 'float16'])
      expect(all).toContain(`--method ${method}:`)
  })

  it('answers wrong words with one line', () => {
    refusedEach(cli, [
      [['inspct'], "Unknown command 'inspct' (did you mean inspect?) See `bantam --help`."],
      [['inspect'], "Missing required argument 'model'. See `bantam inspect --help`."],
      [
        ['inspect', TEACHER, '--jsn'],
        "Unknown option '--jsn' (did you mean --json?) See `bantam inspect --help`.",
      ],
      [['evaluate', TEACHER], "Required option '--data <data>' not specified. See `bantam evaluate --help`."],
      [
        ['benchmark', TEACHER, '--batch', '0'],
        "Option '--batch <sizes>' argument '0' is invalid. It must be a whole number from 1 to 65536. See `bantam benchmark --help`.",
      ],
      [
        ['quantize', TEACHER, '--method', 'int3', '--out', join(folder, 'x.onnx')],
        'There is no method int3. [--method] Choose one of: static-int8, mixed, dynamic-int8, weight-int8, weight-int4, float16, qat.',
      ],
      [
        [
          'quantize',
          TEACHER,
          '--method',
          'static-int8',
          '--out',
          join(folder, 'x.onnx'),
          '--calibration',
          'max',
        ],
        "Option '--calibration <calibration>' argument 'max' is invalid. It must be one of: minmax, entropy, percentile, mse. See `bantam quantize --help`.",
      ],
      [
        ['quantize', TEACHER, '--method', 'static-int8', '--out', join(folder, 'x.onnx')],
        'The method static-int8 needs samples to calibrate with. [--data] Add --data DATA, with some hundred samples like those the model will see.',
      ],
      [
        [
          'quantize',
          TEACHER,
          '--method',
          'weight-int4',
          '--rounding',
          'gptq',
          '--out',
          join(folder, 'x.onnx'),
        ],
        '--rounding gptq looks at samples. [--data] Add --data DATA, with some hundred samples like those the model will see, or leave --rounding out.',
      ],
    ])
  })
})

describe('bad files', () => {
  it('are told apart', () => {
    const missing = join(folder, 'none.onnx')
    refusedEach(cli, [
      [['inspect', missing, '--json'], `There is no such model file. [${missing}] Check the path.`],
      [['inspect', folder], `This is a folder, not a model file. [${folder}] Give the file inside it.`],
    ])
    const garbage = join(folder, 'garbage.onnx')
    writeFileSync(garbage, 'this is not a model')
    const run = cli.run('inspect', garbage, '--json')
    expect([run.code, run.stdout]).toEqual([2, ''])
    expect(run.stderr).toMatch(/^[^\n]+garbage\.onnx[^\n]*\n$/)
    const data = cli.run('evaluate', TEACHER, '--data', join(folder, 'none.npz'), '--json')
    expect([data.code, data.stdout]).toEqual([2, ''])
    expect(data.stderr).toMatch(/^[^\n]+none\.npz[^\n]*\n$/)
  })

  it('are never written over, nor written nowhere', () => {
    const copy = join(folder, 'copy.onnx')
    cpSync(TEACHER, copy)
    const before = readFileSync(copy)
    refused(
      cli.run('quantize', copy, '--method', 'float16', '--out', copy),
      `--out is the same file as the input. [${copy}] Choose another --out; Bantam never overwrites a model it reads.`,
    )
    expect(readFileSync(copy).equals(before)).toBe(true)
    refusedEach(cli, [
      [
        ['quantize', copy, '--method', 'float16', '--out', join(folder, 'no/where.onnx')],
        `The folder to write to does not exist. [${join(folder, 'no')}] Make it first, or choose another --out.`,
      ],
      [
        ['quantize', copy, '--method', 'float16', '--out', folder],
        `--out is a folder. [${folder}] Name a file inside it.`,
      ],
    ])
  })

  it('and devices that are not there are refused in one line', () => {
    const device = process.platform === 'darwin' ? 'dml' : 'coreml'
    const run = cli.run('evaluate', TEACHER, '--data', DATA, '--device', device, '--json')
    expect([run.code, run.stdout]).toEqual([2, ''])
    expect(run.stderr).toMatch(
      new RegExp(
        `^The device ${device} cannot be used here: [^\\n]+ \\[--device\\] Leave --device out to run on the processor\\.\\n$`,
      ),
    )
  })

  it('make report say what it needs', () => {
    const empty = join(folder, 'empty')
    mkdirSync(empty)
    refused(
      cli.run('report', empty, '--out', join(folder, 'r.html')),
      `The folder holds no ONNX file. [${empty}] Put variants there with \`bantam quantize MODEL --method M --out FOLDER/NAME.onnx\`, and a copy of MODEL.`,
    )
    expect(existsSync(join(folder, 'r.html'))).toBe(false)
  })
})

describe('inspect', () => {
  it('gives the document of the contract', () => {
    const d = document(cli.run('inspect', TEACHER, '--json'))
    expect(Object.keys(d)).toEqual(
      expect.arrayContaining([
        'hash',
        'sizeBytes',
        'opset',
        'producer',
        'inputs',
        'outputs',
        'parameters',
        'macs',
        'nodes',
        'operators',
        'layers',
        'notes',
      ]),
    )
    expect(d.inputs[0]).toMatchObject({ name: 'input', type: 'float32' })
    expect(d.parameters).toBe(421_642)
    expect(Object.keys(d.layers[0])).toEqual(
      expect.arrayContaining(['name', 'op', 'parameters', 'macs', 'bytes']),
    )
    const { stdout, code } = cli.run('inspect', TEACHER)
    expect(code).toBe(0)
    expect(stdout).toContain('parameters  422 k')
    expect(stdout).not.toContain('\u001b')
  })
})

describe('quantize, evaluate, verify, replay, report', () => {
  it('work file to file', () => {
    const study = join(folder, 'study')
    mkdirSync(study)
    const teacher = join(study, 'teacher.onnx')
    cpSync(TEACHER, teacher)
    const out = join(study, 'int8.onnx')
    const made = document(
      cli.run(
        'quantize',
        teacher,
        '--method',
        'static-int8',
        '--data',
        DATA,
        '--out',
        out,
        '--samples',
        '50',
        '--no-per-channel',
        '--json',
      ),
    )
    expect(Object.keys(made)).toEqual(['out', 'sizeBytes', 'parent', 'seconds', 'plan', 'notes', 'verified'])
    expect(made.sizeBytes).toBeLessThan(made.parent.sizeBytes / 3)
    expect(made.verified.loads).toBe(true)
    expect(made.verified.parity.cosine).toBeGreaterThan(0.99)
    expect(made.plan.options).toMatchObject({ samples: 50, perChannel: false, calibration: 'minmax' })
    expect(readdirSync(study).sort()).toEqual(['int8.onnx', 'int8.onnx.bantam.json', 'teacher.onnx'])

    const e = document(cli.run('evaluate', out, '--data', DATA, '--reference', teacher, '--json'))
    expect(Object.keys(e).slice(0, 6)).toEqual([
      'model',
      'data',
      'metrics',
      'perClass',
      'agreement',
      'difference',
    ])
    expect(e.data.count).toBe(300)
    expect(e.metrics.accuracy.low).toBeLessThan(e.metrics.accuracy.value)
    expect(e.agreement.top1).toBeGreaterThan(0.97)
    expect(Object.keys(e.difference)).toEqual(expect.arrayContaining(['value', 'low', 'high', 'p']))
    const alone = document(cli.run('evaluate', teacher, '--data', DATA, '--json'))
    expect([alone.agreement, alone.difference]).toEqual([null, null])

    const gate = cli.run('evaluate', out, '--data', DATA, '--min-accuracy', '1', '--json')
    expect(gate.code).toBe(3)
    expect(JSON.parse(gate.stdout).metrics.accuracy.value).toBeLessThan(1)
    expect(gate.stderr).toMatch(
      /^A gate was not met: accuracy is \d\d\.\d\d %, less than --min-accuracy 100\.00 %\.\n$/,
    )
    refused(
      cli.run('evaluate', out, '--data', DATA, '--max-drop', '1'),
      '--max-drop and --min-agreement compare with a reference. Add --reference MODEL.',
    )

    const verified = document(cli.run('verify', out, '--json'))
    expect(verified).toMatchObject({ file: out, loads: true, intact: true })
    const replayed = document(cli.run('replay', out, '--json'))
    expect(replayed).toMatchObject({ parent: teacher, out: null, identical: true, hash: verified.hash })

    const html = join(folder, 'report.html')
    const report = document(
      cli.run('report', study, '--out', html, '--data', DATA, '--no-benchmark', '--json'),
    )
    expect(report.variants.map((v: { id: string }) => v.id)).toEqual(['teacher', 'int8'])
    expect(report.variants[1].metrics.accuracy.value).toBeGreaterThan(0.9)
    const text = readFileSync(html, 'utf8')
    expect(text).toContain('quantize.static-int8')
    expect(text).toContain(verified.hash)

    const { stdout } = cli.run('evaluate', out, '--data', DATA, '--reference', teacher)
    expect(stdout).toMatch(/Accuracy +\d\d\.\d\d % \(\d\d\.\d\d % to \d+\.\d\d %\)/)

    const evidence = JSON.parse(readFileSync(`${out}.bantam.json`, 'utf8'))
    writeFileSync(`${out}.bantam.json`, JSON.stringify({ ...evidence, planDigest: 'changed' }))
    const tampered = cli.run('verify', out, '--json')
    expect(tampered.code).toBe(3)
    expect(JSON.parse(tampered.stdout).intact).toBe(false)
    expect(tampered.stderr).toContain('The file is not what its evidence says.')
  }, 120_000)
})

describe('benchmark', () => {
  it('gives the document of the contract, interleaved', () => {
    const other = join(folder, 'half.onnx')
    document(cli.run('quantize', TEACHER, '--method', 'float16', '--out', other, '--json'))
    const d = document(cli.run('benchmark', TEACHER, other, '--runs', '10', '--batch', '1,2', '--json'))
    expect(Object.keys(d).slice(0, 3)).toEqual(['hardware', 'rows', 'ratios'])
    expect(d.rows).toHaveLength(4)
    expect(Object.keys(d.rows[0])).toEqual(
      expect.arrayContaining([
        'model',
        'device',
        'batch',
        'threads',
        'latencyMs',
        'throughput',
        'loadMs',
        'peakMemoryBytes',
        'energyJ',
      ]),
    )
    expect(Object.keys(d.rows[0].latencyMs)).toEqual(expect.arrayContaining(['median', 'p90', 'p99', 'iqr']))
    expect(d.ratios.map((r: { a: string; b: string }) => [r.a, r.b])).toEqual([
      [TEACHER, other],
      [TEACHER, other],
    ])
    const gate = cli.run('benchmark', TEACHER, other, '--runs', '10', '--max-ratio', '0.0001')
    expect(gate.code).toBe(3)
    expect(gate.stderr).toContain('the latency ratio is above --max-ratio 0.0001')
    refused(cli.run('benchmark', TEACHER, TEACHER), 'The same model is given twice. Name every model once.')
  }, 120_000)
})

describe('bundle', () => {
  it('is written whole, with measured numbers', () => {
    const out = join(folder, 'bundle')
    const d = document(cli.run('bundle', TEACHER, '--data', DATA, '--out', out, '--no-benchmark', '--json'))
    expect(d.files.map((f: { path: string }) => f.path)).toContain('node/index.mjs')
    expect(readFileSync(join(out, 'README.md'), 'utf8')).toMatch(/\| Accuracy \| \d\d\.\d\d % \(/)
    expect(JSON.parse(readFileSync(join(out, 'labels.json'), 'utf8'))).toHaveLength(10)
    refused(
      cli.run('bundle', TEACHER, '--out', out, '--no-benchmark'),
      `The folder for the bundle is not empty. [${out}] Choose a new or empty folder.`,
    )
  }, 120_000)
})

describe('an interrupt', () => {
  it('ends with 130 and leaves nothing', async () => {
    const temp = join(folder, 'temp')
    const out = join(folder, 'stopped')
    mkdirSync(temp)
    mkdirSync(out)
    const size = [1, 64, 256, 256]
    const slow = join(folder, 'slow.onnx')
    const relus = Array.from({ length: 60 }, (_, i) =>
      makeNode('Erf', [i === 0 ? 'x' : `h${i}`], [i === 59 ? 'y' : `h${i + 1}`]),
    )
    await writeModel(
      makeModel({
        nodes: relus,
        inputs: [makeValue('x', 'float32', size)],
        outputs: [makeValue('y', 'float32', size)],
      }),
      slow,
    )
    const run = await cli.interrupt(
      () => readdirSync(temp).length > 0,
      { TMPDIR: temp, TEMP: temp },
      'benchmark',
      slow,
      '--runs',
      '100000',
      '--json',
    )
    expect(run).toEqual({ code: 130, stdout: '', stderr: 'Cancelled.\n' })
    expect(readdirSync(temp)).toEqual([])
  }, 120_000)
})
