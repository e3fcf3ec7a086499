/**
 * How far the benchmark may be trusted on this machine: a model against an exact copy of itself, many times over. The
 * interval of the ratio should leave out 1 in about one of twenty runs; the spread of the ratio is what one run can
 * resolve. Then the sample teacher against its int8 variant, with what the Speed tab would say:
 *   node bench/benchmark-noise.mjs [TIMES]
 */
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openEngine, quietContext, root } from './engine.mjs'

const times = Number(process.argv[2] ?? 20)
const folder = mkdtempSync(join(tmpdir(), 'bantam-noise-'))
const { load, close } = await openEngine()
const context = quietContext(folder)
const teacher = join(root, 'samples/digits-teacher.onnx')

try {
  const { benchmarkModels } = await load('main/measure/benchmark')
  const copy = join(folder, 'copy.onnx')
  copyFileSync(teacher, copy)
  const pair = [
    { path: teacher, hash: 'teacher', name: 'teacher' },
    { path: copy, hash: 'copy', name: 'copy' },
  ]
  const ratios = []
  const start = performance.now()
  for (let i = 0; i < times; i++) {
    const result = await benchmarkModels({ models: pair, batches: [1, 32], threads: [1] }, context)
    ratios.push(...result.ratios)
  }
  const seconds = (performance.now() - start) / 1000 / times
  for (const batch of [1, 32]) {
    const own = ratios.filter(r => r.batch === batch)
    const outside = own.filter(r => r.low > 1 || r.high < 1).length
    const sorted = own.map(r => r.ratio).sort((a, b) => a - b)
    const width = own.map(r => r.high - r.low).sort((a, b) => a - b)[own.length >> 1]
    console.log(
      `batch ${batch}: ${outside} of ${own.length} intervals leave out 1; ratio ${sorted[0].toFixed(3)} to ${sorted.at(-1).toFixed(3)}; median width of the interval ${width.toFixed(3)}`,
    )
  }
  console.log(`${seconds.toFixed(1)} s per benchmark of two models at two batches`)
  await compareWithInt8(benchmarkModels)
} finally {
  await close()
  rmSync(folder, { recursive: true, force: true })
}

async function compareWithInt8(benchmarkModels) {
  const { inspectModel } = await load('main/measure/inspect')
  const { openDataset } = await load('main/data/open')
  const { DatasetSpec } = await load('shared/domain')
  const { makeVariant } = await load('main/operations/variant')
  const { profileModel } = await load('main/measure/profile')
  const { explainSpeed } = await load('main/measure/speed')
  const { inputs } = await inspectModel(teacher)
  const dataset = await openDataset(DatasetSpec.parse({ source: 'sample:digits' }), inputs)
  const int8 = join(folder, 'int8.onnx')
  const calibration = { dataset, indices: dataset.indices('calibration').slice(0, 200) }
  const step = { technique: 'quantize.static-int8', options: {} }
  await makeVariant(
    { parent: teacher, step, seed: 0, calibration, out: int8, threads: 1, device: 'cpu' },
    context,
  )
  const models = [
    { path: teacher, hash: 'teacher', name: 'teacher' },
    { path: int8, hash: 'int8', name: 'int8' },
  ]
  const result = await benchmarkModels({ models, batches: [1, 32], threads: [1], dataset }, context)
  for (const row of result.rows) {
    const { median, low, high, p99, runs } = row.latencyMs
    console.log(
      `${row.model} batch ${row.batch}: ${median.toFixed(3)} ms (${low.toFixed(3)} to ${high.toFixed(3)}), p99 ${p99.toFixed(3)}, ${runs} runs; load ${row.loadMs.toFixed(0)} ms; peak ${(row.peakMemoryBytes / 1e6).toFixed(0)} MB`,
    )
  }
  for (const ratio of result.ratios) {
    const request = { batch: ratio.batch, threads: 1, dataset }
    const [a, b] = [
      await profileModel({ ...request, model: teacher, hash: 'teacher' }, context),
      await profileModel({ ...request, model: int8, hash: 'int8' }, context),
    ]
    console.log(`batch ${ratio.batch}:`)
    for (const note of explainSpeed(a, b, result.hardware, ratio))
      console.log(`  ${note.code}: ${note.message}`)
  }
  await dataset.close()
}
