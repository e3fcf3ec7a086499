/** The README of a bundle: what the model is, what was measured and how, how to run it. */
import type {
  Benchmark,
  DatasetSummary,
  Evaluation,
  Evidence,
  TextPreprocessing,
} from '../../../shared/domain'
import { type ExampleModel, oneLine, shapeLine } from '../../../shared/examples/model'
import { formatBytes, formatDifference, formatMeasured, formatMs, formatShare } from '../../../shared/format'
import { METRICS } from '../../../shared/metrics'
import { qualityClause, ratiosBetween, speedClause } from '../../../shared/verdict'

export interface Measurements {
  sizeBytes: number
  hash: string
  evaluation: Evaluation | null
  benchmark: Benchmark | null
  evidence: Evidence | null
  dataset: DatasetSummary | null
  generatedAt: string
  bantam: string
}

/** Markdown. Names from files are written so that they stay text. */
export function bundleReadme(facts: ExampleModel, m: Measurements): string {
  return [
    `# ${plain(facts.name)}`,
    '',
    `\`model.onnx\`, ${formatBytes(m.sizeBytes)}, SHA-256 \`${m.hash}\`. Written by Bantam ${m.bantam} at ${m.generatedAt}.`,
    '',
    ...facts.inputs.map(i => `- Input ${plain(shapeLine(i))}`),
    ...facts.outputs.map(o => `- Output ${plain(shapeLine(o))}`),
    '',
    '## Measured',
    '',
    ...against(m),
    ...quality(m),
    ...speed(m),
    ...origin(m),
    '',
    '## Run it',
    '',
    '| folder | set up | run |',
    '| --- | --- | --- |',
    '| `node/` | `npm install` | `node index.mjs [FILE]` |',
    '| `python/` | `pip install -r requirements.txt` | `python run.py [FILE]` |',
    '| `csharp/` | .NET 8 | `dotnet run -- [FILE]` |',
    '| `browser/` | `npm install`, then a web server at this folder (`npx serve`) | open `/browser/` |',
    '',
    ...usage(facts),
    '',
    'Official builds of ONNX Runtime from 1.29 send usage data to their maker unless `ORT_DISABLE_TELEMETRY=1` is set; the Node and Python examples set it, for C# set it in the environment.',
    '',
    '## Files',
    '',
    ...(facts.preprocessing?.kind === 'text'
      ? ['- `tokenizer.json`: cuts texts into tokens (Hugging Face tokenizers).']
      : []),
    '- `preprocessing.json`: how raw data becomes the input; `null` when the model takes the values as they are.',
    '- `labels.json`: names of the classes, in the order of the output; empty when there are none.',
    '- `sample/`: one input as the model is fed, and what Bantam’s ONNX Runtime answered.',
    `- \`evidence.json\`: where the model came from${m.evidence ? '' : ' (not recorded for this file)'} and the measurements above, unrounded.`,
    '',
  ].join('\n')
}

/** What was gained and lost against the reference, in the words of the app and of the report. */
function against({ evaluation, benchmark, hash }: Measurements): string[] {
  const reference = evaluation?.reference
  if (!evaluation || reference === undefined || reference === hash) return []
  const ratios = ratiosBetween({ model: reference }, { model: hash }, benchmark?.ratios ?? [])
  const clauses = [
    speedClause(ratios),
    qualityClause({ evaluation: null }, { evaluation }, evaluation.differences),
  ]
  return [`Against the reference model: ${clauses.map(c => c.full).join('; ')}.`, '']
}

function quality({ evaluation: e }: Measurements): string[] {
  if (!e) return ['Quality was not measured.', '']
  const where = e.data.split === 'all' ? 'all samples' : `the ${e.data.split} split`
  const rows = METRICS.flatMap(metric => {
    const measured = e.metrics[metric.id]
    if (!measured) return []
    const difference = e.differences.find(d => d.metric === metric.id)
    return [
      `| ${metric.title} | ${formatMeasured(measured, metric.unit)} | ${difference ? formatDifference(difference, metric.unit) : ''} |`,
    ]
  })
  const agreement = e.agreement.map(a => {
    const same = a.top1 === undefined ? '' : `, same answer on ${formatShare(a.top1)}`
    return `- Output ${plain(a.output)} against the reference: cosine ${a.cosine.toFixed(6)}${same}.`
  })
  return [
    `On ${e.data.count} samples of ${plain(e.data.source)} (${where}); in brackets 95 % intervals. Differences are to the reference model, on the same samples; “no difference shown” means that the interval covers zero.`,
    '',
    ...(rows.length > 0
      ? ['| metric | value | against the reference |', '| --- | --- | --- |', ...rows, '']
      : []),
    ...(agreement.length > 0 ? [...agreement, ''] : []),
  ]
}

function speed({ benchmark, hash }: Measurements): string[] {
  const rows = (benchmark?.rows ?? []).filter(r => r.model === hash)
  if (!benchmark || rows.length === 0) return ['Speed was not measured.', '']
  const { hardware: h } = benchmark
  return [
    `On ${plain(h.cpu)}, ${h.physicalCores} cores, ${plain(h.os)} ${h.arch}, ONNX Runtime ${h.onnxruntime}, Node ${h.node}; medians after warm-up with 95 % intervals; load time and memory of a fresh process. Your machine will differ.`,
    '',
    '| device | batch | threads | latency | p99 | runs | load | peak memory |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows.map(r => {
      const { median, low, high, p99, runs } = r.latencyMs
      const memory = r.peakMemoryBytes === null ? 'not measured' : formatBytes(r.peakMemoryBytes)
      return `| ${r.device} | ${r.batch} | ${r.threads} | ${formatMs(median)} (${formatMs(low)} to ${formatMs(high)}) | ${formatMs(p99)} | ${runs} | ${formatMs(r.loadMs)} | ${memory} |`
    }),
    '',
  ]
}

function origin({ evidence, dataset }: Measurements): string[] {
  const lines: string[] = []
  if (evidence) {
    lines.push(
      `Made with \`${evidence.plan.technique}\` (seed ${evidence.plan.seed}) from the model with SHA-256 \`${evidence.parent.hash}\`; the plan’s digest is \`${evidence.planDigest}\`.`,
    )
  }
  if (dataset)
    lines.push(`Data: ${plain(dataset.spec.source)}, ${dataset.count} samples, hash \`${dataset.hash}\`.`)
  return lines
}

function usage(facts: ExampleModel): string[] {
  if (facts.preprocessing?.kind === 'text') return usageOfText(facts.preprocessing)
  const isImage = facts.preprocessing?.kind === 'image'
  const sample =
    'Without FILE every example runs the sample and prints its answer; Node, Python and the browser also print how far the outputs are from those in `sample/expected.json`.'
  const kind = isImage
    ? 'FILE is a picture, which Node, Python and the browser resize exactly as Bantam did it (JPEG decoders may differ by a level); ImageSharp, which C# uses, does it a little differently and takes a `.npy` as the model is fed, too.'
    : 'FILE is a `.npy` of raw values with the batch axis (C#: of values as the model is fed).'
  if (facts.inputs.length === 1) return [sample, kind]
  const others = isImage
    ? ' Only the first input is a picture; the others take a `.npy` as the model is fed.'
    : ''
  return [
    sample,
    `${kind}${others} Give one for every input, in the order above; in the browser a file feeds the first input and the sample the others.`,
  ]
}

function usageOfText({ maxLength, padding }: TextPreprocessing): string[] {
  return [
    'Without a text every example runs the sample and prints its answer; Node, Python and the browser also print how far the outputs are from those in `sample/expected.json`.',
    `In place of FILE give a text in quotes, or two that belong together (Node, Python; in the browser write them into the page): it is cut into tokens by \`tokenizer.json\`, to at most ${maxLength}, and filled up to ${padding === 'max' ? 'that length' : 'its own length, rounded up'}, as the model was measured. .NET has no library that reads \`tokenizer.json\`: the C# example takes the token numbers of every input as \`.npy\`.`,
  ]
}

/** Markdown that means nothing but itself. */
function plain(text: string): string {
  return oneLine(text).replace(/[\\`*_{}[\]<>#|!]/g, '\\$&')
}
