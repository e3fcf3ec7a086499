/** `bantam evaluate MODEL --data DATA [--reference MODEL]` */
import type { Command } from 'commander'
import type { Evaluation } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { formatDifference, formatMeasured, formatShare } from '../../shared/format'
import { METRICS } from '../../shared/metrics'
import { addGlobals, type Globals, realNumber, runAction } from './command'
import { addDataOptions, type DataOptions } from './data-options'
import { noteLines } from './notes'
import { inputFile } from './paths'
import { withTask } from './task'
import { columns, plain } from './terminal'

interface Options extends Globals, DataOptions {
  data: string
  reference?: string
  minAccuracy?: number
  maxDrop?: number
  minAgreement?: number
}

export function setup(command: Command): void {
  addDataOptions(addGlobals(command), true)
    .argument('<model>', 'ONNX file')
    .option('--reference <model>', 'model to compare with, on the same samples')
    .option('--min-accuracy <share>', 'gate: accuracy of at least this share, 0 to 1', realNumber(0, 1))
    .option(
      '--max-drop <points>',
      'gate: the main metric at most so far below the reference’s (points for shares)',
      realNumber(0),
    )
    .option(
      '--min-agreement <share>',
      'gate: same answer as the reference on at least this share, 0 to 1',
      realNumber(0, 1),
    )
    .action((model: string, options: Options) =>
      runAction(options.json, async terminal => {
        inputFile(model)
        if (options.reference) inputFile(options.reference, 'reference')
        else if (options.maxDrop !== undefined || options.minAgreement !== undefined) {
          throw new BantamError('bad-option', '--max-drop and --min-agreement compare with a reference.', {
            action: 'Add --reference MODEL.',
          })
        }
        const { evaluateFiles } = await import('./measure')
        const evaluation = await withTask(terminal, context => evaluateFiles(model, options, context))
        const document = evaluationDocument(model, evaluation)
        terminal.result(document, () => describeEvaluation(model, evaluation))
        checkGates(evaluation, options)
      }),
    )
}

/** The JSON of `evaluate`. Of several outputs, the one that agrees least speaks for the model. */
export function evaluationDocument(model: string, e: Evaluation) {
  const [first] = e.differences
  const worst = [...e.agreement].sort((a, b) => a.cosine - b.cosine)[0]
  return {
    model,
    data: e.data,
    metrics: e.metrics,
    perClass: e.perClass,
    agreement: worst
      ? {
          top1: worst.top1 ?? null,
          kl: worst.kl ?? null,
          cosine: worst.cosine,
          maxAbs: worst.maxAbs,
          sqnr: worst.sqnr,
        }
      : null,
    difference: first ?? null,
    differences: e.differences,
    outputs: e.agreement,
    seconds: e.seconds,
    notes: e.notes,
  }
}

/** An evaluation for a person. */
export function describeEvaluation(model: string, e: Evaluation): string {
  const lines = [
    `${plain(model)} on ${e.data.count} samples of ${plain(e.data.source)}${e.data.split === 'all' ? '' : ` (${e.data.split} split)`}`,
    '',
  ]
  const rows = METRICS.flatMap(m => {
    const measured = e.metrics[m.id]
    if (!measured) return []
    const difference = e.differences.find(d => d.metric === m.id)
    return [
      [m.title, formatMeasured(measured, m.unit), difference ? formatDifference(difference, m.unit) : ''],
    ]
  })
  const compared = e.differences.length > 0
  if (rows.length > 0) {
    lines.push(
      columns([['metric', 'value (95 % interval)', compared ? 'against the reference' : ''], ...rows]),
    )
  }
  if (e.agreement.length > 0) lines.push(...(rows.length > 0 ? [''] : []), agreementTable(e))
  const [main] = e.differences
  if (main)
    lines.push('', `${main.test}: p = ${main.p < 0.001 ? main.p.toExponential(1) : main.p.toFixed(3)}`)
  if (e.notes.length > 0) lines.push('', ...noteLines(e.notes))
  return lines.join('\n')
}

function agreementTable(e: Evaluation): string {
  const rows = e.agreement.map(a => [
    plain(a.output),
    a.cosine.toFixed(6),
    a.maxAbs.toPrecision(3),
    a.sqnr === null ? 'identical' : `${a.sqnr.toFixed(1)} dB`,
    a.kl === undefined ? '' : a.kl.toPrecision(3),
    a.top1 === undefined ? '' : formatShare(a.top1),
  ])
  return columns(
    [['output', 'cosine', 'max difference', 'SQNR', 'KL', 'same answer'], ...rows],
    [1, 2, 3, 4, 5],
  )
}

/** Throws `gate` naming every limit that was not met. The measured values decide, not the ends of their intervals. */
export function checkGates(
  e: Evaluation,
  gates: Pick<Options, 'minAccuracy' | 'maxDrop' | 'minAgreement'>,
): void {
  const missed: string[] = []
  if (gates.minAccuracy !== undefined) {
    const accuracy = need(e.metrics.accuracy, '--min-accuracy', 'labels of classes').value
    if (accuracy < gates.minAccuracy) {
      missed.push(
        `accuracy is ${formatShare(accuracy)}, less than --min-accuracy ${formatShare(gates.minAccuracy)}`,
      )
    }
  }
  if (gates.maxDrop !== undefined) {
    const main = need(e.differences[0], '--max-drop', 'labels')
    const metric = METRICS.find(m => m.id === main.metric)
    const scale = metric?.unit === 'share' ? 100 : 1
    const drop = (metric?.better === 'lower' ? main.value : -main.value) * scale
    if (drop > gates.maxDrop) {
      const unit = scale === 100 ? ' points' : ''
      missed.push(
        `${metric?.title.toLowerCase() ?? main.metric} is ${drop.toFixed(2)}${unit} worse than the reference’s, more than --max-drop ${gates.maxDrop}`,
      )
    }
  }
  if (gates.minAgreement !== undefined) {
    const shares = e.agreement.flatMap(a => a.top1 ?? [])
    const share = Math.min(
      need(shares[0], '--min-agreement', 'an output that is a distribution or logits'),
      ...shares,
    )
    if (share < gates.minAgreement) {
      missed.push(
        `the same answer is given on ${formatShare(share)}, less than --min-agreement ${formatShare(gates.minAgreement)}`,
      )
    }
  }
  if (missed.length > 0) throw new BantamError('gate', `A gate was not met: ${missed.join('; ')}.`)
}

function need<T>(value: T | undefined, option: string, what: string): T {
  if (value !== undefined) return value
  throw new BantamError('bad-option', `${option} needs ${what}, which are not there.`, {
    action: 'Check --data, --labels and --task.',
  })
}
