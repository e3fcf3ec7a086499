/** `bantam benchmark MODEL… [--batch 1,32] [--threads 1,2] [--runs N]` */
import type { Command } from 'commander'
import type { Benchmark } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { formatBytes, formatCount, formatMs, formatValue } from '../../shared/format'
import { ratioText } from '../../shared/verdict'
import { addGlobals, type Globals, numberList, realNumber, runAction, wholeNumber } from './command'
import { addDataOptions, type DataOptions } from './data-options'
import { describeGeneration } from './generation'
import { noteLines } from './notes'
import { inputFile } from './paths'
import { withTask } from './task'
import { columns, plain } from './terminal'

interface Options extends Omit<Globals, 'threads'>, DataOptions {
  batch: number[]
  threads: number[]
  runs?: number
  prompt?: number
  generate?: number
  maxRatio?: number
}

export function setup(command: Command): void {
  addDataOptions(addGlobals(command, 'many'), false)
    .argument('<models...>', 'ONNX files; the first is the reference')
    .option('--batch <sizes>', 'batch sizes, as 1,32', numberList(1, 65536), [1])
    .option('--threads <counts>', 'threads, as 1,2', numberList(1, 256), [1])
    .option(
      '--runs <n>',
      'measured runs of each model (default: until the interval is narrow)',
      wholeNumber(5, 1_000_000),
    )
    .option(
      '--prompt <tokens>',
      'of language models: tokens of the prompt (default: 128, fewer where a model knows fewer)',
      wholeNumber(1, 1_000_000),
    )
    .option(
      '--generate <tokens>',
      'of language models: tokens made after the prompt (default: 32, fewer where they take long)',
      wholeNumber(1, 1_000_000),
    )
    .option('--max-ratio <r>', 'gate: latency relative to the first model at most this', realNumber(0))
    .action((models: string[], options: Options) =>
      runAction(options.json, async terminal => {
        for (const model of models) inputFile(model)
        if (new Set(models).size < models.length) {
          throw new BantamError('bad-option', 'The same model is given twice.', {
            action: 'Name every model once.',
          })
        }
        if (options.maxRatio !== undefined && models.length < 2) {
          throw new BantamError('bad-option', '--max-ratio compares with the first model.', {
            action: 'Give two models or more.',
          })
        }
        const { benchmarkFiles } = await import('./benchmark-files')
        const { benchmark, paths } = await withTask(terminal, context =>
          benchmarkFiles(models, options, context),
        )
        const document = benchmarkDocument(benchmark, paths)
        terminal.result(document, () => describe(document))
        checkRatio(document, options.maxRatio)
      }),
    )
}

/** The JSON of `benchmark`: models are called by the paths they were given as. */
export function benchmarkDocument(benchmark: Benchmark, paths: ReadonlyMap<string, string>) {
  const path = (hash: string) => paths.get(hash) ?? hash
  return {
    hardware: benchmark.hardware,
    rows: benchmark.rows.map(row => ({ ...row, model: path(row.model) })),
    ratios: benchmark.ratios.map(ratio => ({ ...ratio, a: path(ratio.a), b: path(ratio.b) })),
    generation: benchmark.generation
      ? {
          rows: benchmark.generation.rows.map(row => ({ ...row, model: path(row.model) })),
          ratios: benchmark.generation.ratios.map(r => ({ ...r, a: path(r.a), b: path(r.b) })),
        }
      : null,
    energy: benchmark.energy,
    notes: benchmark.notes,
  }
}

type Document = ReturnType<typeof benchmarkDocument>

function describe({ hardware, rows, ratios, generation, energy, notes }: Document): string {
  const table = rows.map(r => [
    plain(r.model),
    String(r.batch),
    String(r.threads),
    `${formatMs(r.latencyMs.median)} (${formatMs(r.latencyMs.low)} to ${formatMs(r.latencyMs.high)})`,
    formatMs(r.latencyMs.p90),
    formatMs(r.latencyMs.p99),
    `${formatCount(r.throughput)}/s`,
    formatMs(r.loadMs),
    r.peakMemoryBytes === null ? '' : formatBytes(r.peakMemoryBytes),
    r.energyJ === null ? '' : formatValue(r.energyJ, 'joules'),
  ])
  const header = [
    'model',
    'batch',
    'threads',
    'median (95 % interval)',
    'p90',
    'p99',
    'throughput',
    'load',
    'peak memory',
    'energy',
  ]
  const compared = ratios.map(r => [
    `${plain(r.b)} against ${plain(r.a)}`,
    String(r.batch),
    String(r.threads),
    `${r.ratio.toFixed(3)} (${r.low.toFixed(3)} to ${r.high.toFixed(3)})`,
    ratioText(r),
  ])
  const shown = energy.available ? header : header.slice(0, -1)
  return [
    `${hardware.cpu}, ${hardware.physicalCores} cores, ONNX Runtime ${hardware.onnxruntime}, ${rows[0]?.device ?? 'cpu'}`,
    '',
    columns([shown, ...table.map(row => row.slice(0, shown.length))], [1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ...(compared.length > 0
      ? ['', columns([['comparison', 'batch', 'threads', 'latency ratio', ''], ...compared], [1, 2, 3])]
      : []),
    ...(generation ? ['', ...describeGeneration(generation)] : []),
    '',
    energy.available ? `Energy: ${energy.source}` : `Energy: not available (${energy.source})`,
    ...noteLines(notes),
  ].join('\n')
}

function checkRatio({ ratios }: Document, most: number | undefined): void {
  if (most === undefined) return
  const missed = ratios.filter(r => r.ratio > most)
  if (missed.length === 0) return
  const list = missed
    .map(r => `${r.b} at batch ${r.batch}, threads ${r.threads}: ${r.ratio.toFixed(3)}`)
    .join('; ')
  throw new BantamError(
    'gate',
    `A gate was not met: the latency ratio is above --max-ratio ${most}: ${list}.`,
  )
}
