/** What a model is worth on a dataset: metrics with intervals, agreement with a reference, paired differences. */
import type { Agreement, Device, Difference, Evaluation, Note, SplitName } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { Dataset } from '../data/dataset'
import { breathe, type TaskContext, within } from '../jobs/context'
import { languageMetrics } from '../language/measures'
import { agreementWith, requireSameSamples } from './agreement'
import { classificationMetrics, outcomes } from './classification'
import { collectOutputs } from './collect'
import { pairedDifferences, scoresLike } from './differences'
import { mainOutput, type StoredOutput, type StoredOutputs } from './outputs'
import { regressionMetrics, regressionPairs } from './regression'
import { scoresOf } from './scores'

export interface EvaluateRequest {
  /** Path of the model file. */
  model: string
  hash: string
  dataset: Dataset
  split: SplitName
  /** Samples to run, in this order; the whole split without. */
  indices?: ArrayLike<number> | undefined
  /** What another model answered to the same samples. */
  reference?: { hash: string; outputs: StoredOutputs } | undefined
  device?: Device | undefined
  /** Threads inside one operator; ORT's choice without. */
  threads?: number | undefined
}

/**
 * Runs the model over the split and measures it. Without labels, or without an output that answers the task, only the
 * agreement with the reference is measured. Throws `bad-option` when the reference saw other samples, `bad-data` for
 * labels the model has no class for, `cancelled` between batches.
 */
export async function evaluateModel(
  request: EvaluateRequest,
  context: TaskContext,
): Promise<{ evaluation: Evaluation; outputs: StoredOutputs }> {
  const start = performance.now()
  const { dataset, split, reference } = request
  if (reference) requireReference(reference.outputs, request)
  const outputs = await collectOutputs(request, within(context, 0, 0.9))
  context.progress(0.9, 'computing metrics and intervals')
  await breathe(context)
  const { classes, spec, hash } = dataset.summary
  const measured = measure(outputs, classes, reference?.outputs)
  measured.notes.push(...aheadNotes(outputs, dataset))
  const seconds = (performance.now() - start) / 1000
  const evaluation: Evaluation = {
    model: request.hash,
    data: { hash, source: spec.source, split, count: outputs.indices.length },
    task: outputs.task,
    ...measured,
    ...(reference ? { reference: reference.hash } : {}),
    seconds,
  }
  context.progress(1, 'evaluated')
  return { evaluation, outputs }
}

/** Texts cut for a language model, and a model that is none. */
function aheadNotes({ task }: StoredOutputs, { summary }: Dataset): Note[] {
  const { preprocessing } = summary.spec
  if (task === 'language' || preprocessing?.kind !== 'text' || preprocessing.samples !== 'windows') return []
  return [
    {
      code: 'evaluate.no-language-model',
      severity: 'warning',
      message:
        'The perplexity is not measured: the model gives no scores for the next token, or its scores depend on the tokens that follow.',
      action: 'Take a causal language model: token numbers in, scores [batch, sequence, vocabulary] out.',
    },
  ]
}

/** Refuses a reference that saw other samples before any time is spent. */
function requireReference(reference: StoredOutputs, { dataset, split, indices }: EvaluateRequest): void {
  const wanted = Uint32Array.from(indices ?? dataset.indices(split))
  const { hash, spec } = dataset.summary
  requireSameSamples(reference, { ...reference, data: { hash, source: spec.source, split }, indices: wanted })
}

type Measures = Pick<Evaluation, 'metrics' | 'perClass' | 'confusion' | 'agreement' | 'differences' | 'notes'>

/** All that can be told from stored answers alone, in the shape of an evaluation. */
export function measure(
  stored: StoredOutputs,
  classes: readonly string[],
  reference?: StoredOutputs | undefined,
): Measures {
  const notes: Note[] = stored.language ? [] : nonFiniteNotes(stored)
  const own = ownMetrics(stored, classes, notes, reference)
  let agreement: Agreement[] = []
  let differences: Difference[] = []
  if (reference) {
    const agreed = agreementWith(reference, stored)
    agreement = agreed.agreement
    notes.push(...agreed.notes)
    differences = pairedDifferences(reference, stored, stored.task)
  }
  return { ...own, agreement, differences, notes }
}

function ownMetrics(
  stored: StoredOutputs,
  classes: readonly string[],
  notes: Note[],
  reference: StoredOutputs | undefined,
): Pick<Evaluation, 'metrics' | 'perClass' | 'confusion'> {
  const nothing = { metrics: {}, perClass: [], confusion: [] }
  const { labels, task, language } = stored
  if (language) {
    const measured = languageMetrics(language)
    notes.push(...measured.notes)
    return { ...nothing, metrics: measured.metrics }
  }
  if (!labels || task === 'none' || task === 'language') return nothing
  const output = mainOutput(stored)
  if (!output) {
    notes.push(noAnswer(stored, classes.length))
    return nothing
  }
  if (task === 'regression') {
    const pairs = regressionPairs(labels, output.values)
    return pairs.actual.length > 0 ? { ...nothing, metrics: regressionMetrics(pairs) } : nothing
  }
  const referenceOutput = reference && mainOutput(reference)
  const scores = referenceOutput ? scoresLike(referenceOutput, output) : scoresOf(output)
  requireClasses(
    labels,
    scores.kind === 'class' ? Math.max(classes.length, 1) : scores.classes,
    stored,
    output,
  )
  if (scores.classes > classes.length && scores.kind !== 'class') {
    notes.push({
      code: 'evaluate.more-classes',
      severity: 'warning',
      message: `Output ${output.name} has ${scores.classes} classes, the data ${classes.length}: labels are taken as the first ones.`,
      action: 'Check that the order of the classes is that of the model.',
    })
  }
  return classificationMetrics(outcomes(scores, labels), classes)
}

function noAnswer(stored: StoredOutputs, classes: number): Note {
  const has = stored.outputs.map(o => `${o.name} with ${o.size}`).join(', ')
  const wanted = stored.task === 'regression' ? 'one value' : `${classes} values`
  return {
    code: 'evaluate.no-answer',
    severity: 'warning',
    message: `No output has ${wanted} per sample, so the labels cannot be used. The outputs: ${has}.`,
    action: 'Check the task and the labels of the dataset.',
  }
}

function requireClasses(
  labels: Float64Array,
  count: number,
  stored: StoredOutputs,
  output: StoredOutput,
): void {
  const at = labels.findIndex(label => !Number.isInteger(label) || label < 0 || label >= count)
  if (at < 0) return
  throw new BantamError(
    'bad-data',
    `Label ${labels[at]} is no class of the model: output ${output.name} has ${count} classes, counted from 0.`,
    {
      where: `sample ${stored.indices[at]} of ${stored.data.source}`,
      action: 'Choose other labels, or map them to the classes of the model.',
    },
  )
}

function nonFiniteNotes(stored: StoredOutputs): Note[] {
  return stored.outputs.flatMap((output): Note[] => {
    const { values, width, name } = output
    const bad = new Set<number>()
    values.forEach((v, i) => {
      if (!Number.isFinite(v)) bad.add(Math.floor(i / width))
    })
    const [first] = bad
    if (first === undefined) return []
    return [
      {
        code: 'evaluate.nonfinite',
        severity: 'error',
        message: `Output ${name} has values that are not numbers (NaN, infinite, or of another size) for ${bad.size} of ${stored.indices.length} samples, first for sample ${stored.indices[first]}.`,
        action: 'Look for overflow: float16 without headroom, a division by zero, or a wrong preprocessing.',
      },
    ]
  })
}
