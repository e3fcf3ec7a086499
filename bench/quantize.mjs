// Bantam's quantization against onnxruntime.quantization: the same model, the same 200 calibration samples, the same
// settings. Time is whole process against whole process; accuracy and latency of both results are measured here, by
// one process, interleaved. Prints a table and writes it into bench/RESULTS.md.
//
//   npm run build && node bench/quantize.mjs [--runs 3] [--cli out/main/cli.js] [--no-write]
//
// Needs Python with onnxruntime, onnx and numpy for the peer, and torch to train the second model (kept in .cache).
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { unzipSync } from 'fflate'
import * as ort from 'onnxruntime-node'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { values: flags } = parseArgs({
  options: {
    runs: { type: 'string', default: '3' },
    cli: { type: 'string', default: join(root, 'out/main/cli.js') },
    'no-write': { type: 'boolean', default: false },
  },
})
const runs = Number(flags.runs)
const peer = join(root, 'bench/peers/quantize_peer.py')
const folder = mkdtempSync(join(tmpdir(), 'bantam-bench-'))

try {
  await main()
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function main() {
  const split = join(folder, 'split.json')
  run('node', [join(root, 'scripts/make-samples.mjs'), '--split', split])
  run('python3', [peer, 'prepare', join(root, 'samples/digits.npz'), split, folder])
  const test = readNpz(join(folder, 'test.npz'))
  const models = { teacher: join(root, 'samples/digits-teacher.onnx'), 'ResNet-20': residual(split) }
  const rows = []
  for (const [name, model] of Object.entries(models)) {
    const float = await measure([model], test)
    rows.push({ model: name, setting: 'float32', ours: { ...float[0], bytes: statSync(model).size } })
    for (const setting of settings()) rows.push(await compare(name, model, setting, test))
  }
  report(rows)
}

function settings() {
  const static_ = ['MinMax', 'Entropy', 'Percentile'].flatMap(method =>
    [false, true].map(perChannel => ({
      name: `static ${method.toLowerCase()}, per ${perChannel ? 'channel' : 'tensor'}`,
      // The peer's entropy has 128 bins; ours are 2048 unless told otherwise.
      ours: [
        '--method',
        'static-int8',
        '--calibration',
        method.toLowerCase(),
        perChannel ? '--per-channel' : '--no-per-channel',
        ...(method === 'Entropy' ? ['--bins', '128'] : []),
      ],
      peer: (model, out) => [
        'static',
        model,
        out,
        join(folder, 'calibration.npz'),
        method,
        perChannel ? '1' : '0',
      ],
    })),
  )
  const [, , , entropyPerChannel] = static_
  return [
    ...static_,
    {
      ...entropyPerChannel,
      name: 'static entropy, per channel, 2048 bins (default)',
      ours: ['--method', 'static-int8', '--calibration', 'entropy'],
    },
    { name: 'dynamic', ours: ['--method', 'dynamic-int8'], peer: (model, out) => ['dynamic', model, out] },
  ]
}

async function compare(name, model, setting, test) {
  const [ours, theirs] = ['ours', 'peer'].map(who => join(folder, `${who}.onnx`))
  const data = setting.ours.includes('static-int8')
    ? ['--data', join(folder, 'calibration.npz'), '--samples', '200']
    : []
  const seconds = { ours: [], peer: [] }
  for (let i = 0; i < runs; i++) {
    seconds.ours.push(
      run(process.execPath, [
        flags.cli,
        'quantize',
        model,
        ...setting.ours,
        ...data,
        '--out',
        ours,
        '--json',
      ]),
    )
    seconds.peer.push(run('python3', [peer, ...setting.peer(model, theirs)]))
  }
  const [a, b] = await measure([ours, theirs], test)
  const row = {
    model: name,
    setting: setting.name,
    ours: { ...a, bytes: statSync(ours).size, seconds: median(seconds.ours) },
    peer: { ...b, bytes: statSync(theirs).size, seconds: median(seconds.peer) },
  }
  console.error(name, setting.name, JSON.stringify(row.ours), JSON.stringify(row.peer))
  return row
}

/** Runs a command to its end; answers its wall time in seconds. */
function run(command, args) {
  const start = performance.now()
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 28 })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed:\n${stderr}`)
  return (performance.now() - start) / 1000
}

/** The ResNet-20, trained once. */
function residual(split) {
  const cache = join(root, '.cache')
  const path = join(cache, 'resnet20.onnx')
  mkdirSync(cache, { recursive: true })
  if (!existsSync(path))
    run('python3', [
      join(root, 'bench/peers/resnet20.py'),
      join(root, 'samples/digits.npz'),
      split,
      path,
      '3',
    ])
  return path
}

function readNpz(path) {
  const files = unzipSync(readFileSync(path))
  const array = name => {
    const bytes = files[`${name}.npy`]
    const header = new DataView(bytes.buffer, bytes.byteOffset).getUint16(8, true)
    return bytes.slice(10 + header)
  }
  return {
    images: new Float32Array(array('input').buffer),
    labels: Array.from(new BigInt64Array(array('labels').buffer), Number),
  }
}

/** Accuracy, and latency interleaved: one run of each model in turn, so that what the machine does meets all alike. */
async function measure(paths, { images, labels }) {
  const options = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 }
  const sessions = await Promise.all(paths.map(path => ort.InferenceSession.create(path, options)))
  const size = 28 * 28
  const feeds = (from, count) => ({
    input: new ort.Tensor('float32', images.subarray(from * size, (from + count) * size), [count, 1, 28, 28]),
  })
  const results = sessions.map(() => ({ right: 0, one: [], many: [] }))
  for (let i = 0; i < labels.length; i += 100) {
    for (const [k, session] of sessions.entries()) {
      const { logits } = await session.run(feeds(i, 100))
      for (let s = 0; s < 100; s++) {
        const scores = logits.data.subarray(s * 10, s * 10 + 10)
        if (scores.indexOf(Math.max(...scores)) === labels[i + s]) results[k].right++
      }
    }
  }
  for (const [key, count, repeats] of [
    ['one', 1, 400],
    ['many', 32, 60],
  ]) {
    const input = feeds(0, count)
    for (let i = 0; i < repeats + 10; i++) {
      for (const [k, session] of sessions.entries()) {
        const start = performance.now()
        await session.run(input)
        if (i >= 10) results[k][key].push(performance.now() - start)
      }
    }
  }
  await Promise.all(sessions.map(session => session.release()))
  return results.map(r => ({ accuracy: r.right / labels.length, one: median(r.one), many: median(r.many) }))
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
}

function report(rows) {
  const percent = x => `${(100 * x).toFixed(2)} %`
  const lines = [
    '| model | setting | accuracy (peer) | kB (ratio) | ms, batch 1 (ratio) | ms, batch 32 (ratio) | seconds (peer, times faster) |',
    '| --- | --- | --- | --- | --- | --- | --- |',
    ...rows.map(({ model, setting, ours, peer: p }) => {
      const ratio = key => (p ? ` (${(ours[key] / p[key]).toFixed(3)})` : '')
      const cells = [
        model,
        setting,
        percent(ours.accuracy) + (p ? ` (${percent(p.accuracy)})` : ''),
        (ours.bytes / 1000).toFixed(1) + ratio('bytes'),
        ours.one.toFixed(3) + ratio('one'),
        ours.many.toFixed(2) + ratio('many'),
        p
          ? `${ours.seconds.toFixed(2)} (${p.seconds.toFixed(2)}, ${(p.seconds / ours.seconds).toFixed(1)}×)`
          : '',
      ]
      return `| ${cells.join(' | ')} |`
    }),
  ]
  const version = JSON.parse(
    readFileSync(join(root, 'node_modules/onnxruntime-node/package.json'), 'utf8'),
  ).version
  const text = `## Quantization against onnxruntime.quantization

Command: \`npm run build && node bench/quantize.mjs\`. ${cpus()[0].model}, ${cpus().length} logical cores, Node ${process.versions.node},
onnxruntime-node ${version}. Calibration: the same 200 samples; accuracy: the 3,000 test digits. Ratios are Bantam to peer;
latency is the median of interleaved runs on one thread; seconds are the median of ${runs} whole processes, Bantam's with
its proof in a fresh process included.

${lines.join('\n')}
`
  console.log(text)
  if (!flags['no-write']) writeSection('quantize', text)
}

function writeSection(name, text) {
  const path = join(root, 'bench/RESULTS.md')
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`]
  const section = `${open}\n${text}${close}\n`
  const old = existsSync(path) ? readFileSync(path, 'utf8') : '# Results\n'
  const [from, to] = [old.indexOf(open), old.indexOf(close)]
  const fresh =
    from < 0
      ? `${old.trimEnd()}\n\n${section}`
      : old.slice(0, from) + section + old.slice(to + close.length + 1)
  writeFileSync(path, fresh)
}
