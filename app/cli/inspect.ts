/** `bantam inspect MODEL` */
import type { Command } from 'commander'
import type { ModelSummary, TensorInfo } from '../../shared/domain'
import { formatBytes, formatCount } from '../../shared/format'
import { addGlobals, type Globals, runAction } from './command'
import { noteLines } from './notes'
import { inputFile } from './paths'
import { columns, plain } from './terminal'

const MOST_LAYERS = 15

interface Options extends Globals {
  layers: boolean
}

export function setup(command: Command): void {
  addGlobals(command)
    .argument('<model>', 'ONNX file')
    .option('--layers', 'list every layer, not only the largest', false)
    .action((model: string, options: Options) =>
      runAction(options.json, async terminal => {
        inputFile(model)
        const { inspectModel } = await import('../../main/measure/inspect')
        const summary = await inspectModel(model)
        terminal.result(summary, () => describe(model, summary, options.layers))
      }),
    )
}

function describe(path: string, s: ModelSummary, everyLayer: boolean): string {
  const opsets = Object.entries(s.opsets).map(([domain, version]) => `${domain || 'ai.onnx'} ${version}`)
  const facts = [
    ['model', plain(path)],
    ['hash', s.hash],
    ['size', `${formatBytes(s.sizeBytes)}${contents(s)}`],
    ['made by', plain(s.producer) || 'not stated'],
    ['opsets', plain(opsets.join(', '))],
    ['inputs', s.inputs.map(tensor).join('; ')],
    ['outputs', s.outputs.map(tensor).join('; ')],
    ['parameters', formatCount(s.parameters)],
    ['MACs', `${formatCount(s.macs)} for one sample${unknown(s)}`],
    [
      'operators',
      Object.entries(s.operators)
        .sort((a, b) => b[1] - a[1])
        .map(([op, n]) => `${plain(op)} ${n}`)
        .join(', '),
    ],
  ]
  return [
    columns([['', ''], ...facts])
      .split('\n')
      .slice(1)
      .join('\n'),
    '',
    layerTable(s, everyLayer),
    ...(s.notes.length > 0 ? ['', ...noteLines(s.notes)] : []),
  ].join('\n')
}

function unknown(s: ModelSummary): string {
  const names = Object.entries(s.unknownCost).map(([op, n]) => `${plain(op)} ${n}`)
  return names.length > 0 ? `, without operators of unknown cost: ${names.join(', ')}` : ''
}

/** Of what the bytes are: ': int8 467 kB, float32 23 kB, graph 21 kB'. */
function contents({ content, sizeBytes }: ModelSummary): string {
  if (!content) return ''
  const graph = sizeBytes - content.reduce((sum, { bytes }) => sum + bytes, 0)
  const parts = [...content.map(({ type, bytes }) => ({ type, bytes })), { type: 'graph', bytes: graph }]
  const shown = parts.filter(({ bytes }) => bytes >= sizeBytes / 1000)
  return shown.length > 0
    ? `: ${shown.map(({ type, bytes }) => `${type} ${formatBytes(bytes)}`).join(', ')}`
    : ''
}

/** 'input float32[N,1,28,28]' */
function tensor(t: TensorInfo): string {
  return plain(`${t.name} ${t.type}[${t.shape.map(d => (d === '' ? '?' : d)).join(',')}]`)
}

function layerTable(s: ModelSummary, everyLayer: boolean): string {
  const heavy = s.layers.filter(l => l.parameters > 0 || (l.macs ?? 1) > 0)
  const sorted = everyLayer
    ? s.layers
    : [...heavy].sort((a, b) => (b.macs ?? 0) - (a.macs ?? 0)).slice(0, MOST_LAYERS)
  const rows = sorted.map(l => [
    plain(l.name),
    plain(l.op),
    l.outputShape ? plain(l.outputShape.map(d => (d === '' ? '?' : d)).join('×')) : '?',
    l.parameters > 0 ? formatCount(l.parameters) : '',
    l.macs === null ? 'unknown' : l.macs > 0 ? formatCount(l.macs) : '',
    l.bytes > 0 ? formatBytes(l.bytes) : '',
  ])
  const rest = s.layers.length - sorted.length
  const table = columns([['layer', 'operator', 'output', 'parameters', 'MACs', 'bytes'], ...rows], [3, 4, 5])
  return rest > 0 ? `${table}\n… and ${rest} smaller layers (--layers shows all)` : table
}
