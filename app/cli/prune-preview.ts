/** `bantam prune --dry-run`: the plan, and what it would bring, without a result. */
import { within } from '../../main/jobs/context'
import { checkModel } from '../../main/onnx/check'
import { modelInputs } from '../../main/onnx/inputs'
import { filesOf, readModel } from '../../main/onnx/read'
import { originOf, parseOptions } from '../../main/operations/variant'
import { previewPlan } from '../../main/prune/preview'
import { learnsWith } from '../../main/technique'
import { techniqueById } from '../../main/techniques'
import type { Plan, Step } from '../../shared/domain'
import type { PrunePreview } from '../../shared/prune'
import { describeRatio } from '../../shared/verdict'
import { drawSamples, openData } from './data'
import type { LearnOptions } from './learn'
import { noteLines } from './notes'
import { type BeforeAfter, changeTable, costTable } from './prune-table'
import { withTask } from './task'
import type { Terminal } from './terminal'
import { threadCount } from './threads'

/** What `--dry-run` tells. */
export interface PreviewDocument {
  plan: Plan
  parameters: BeforeAfter
  macs: BeforeAfter
  sizeBytes: BeforeAfter
  /** Relative to the original, before any recovery. */
  latency: PrunePreview['latency']
  notes: string[]
}

/** Throws what planning and applying throw. */
export function runPreview(
  path: string,
  step: Step,
  options: Omit<LearnOptions, 'out'>,
  terminal: Terminal,
): Promise<PreviewDocument> {
  const technique = techniqueById(step.technique)
  const parsed = parseOptions(technique, step.options) as { samples?: number } // options are objects
  return withTask(terminal, async context => {
    const model = await readModel(path)
    checkModel(model, path)
    const threads = await threadCount(options.threads)
    const { data, seed, split } = options
    const dataset = data ? await openData({ ...options, data }, modelInputs(model)) : undefined
    try {
      const drawn = dataset && { dataset, indices: drawSamples(dataset, split, parsed.samples ?? 1, seed) }
      const training =
        dataset && learnsWith(technique, step.options)
          ? { dataset, indices: dataset.indices(split) }
          : undefined
      const input = { model, calibration: drawn, training, seed, threads, device: options.device }
      const plan = await technique.plan(input, parsed, within(context, 0, 0.8))
      const { sizeBytes } = await originOf(await filesOf(path, model))
      const preview = await previewPlan(
        { path, sizeBytes },
        model,
        plan,
        { threads, training },
        within(context, 0.8, 1),
      )
      const { before, after, latency, notes } = preview
      return {
        plan,
        parameters: { before: before.parameters, after: after.parameters },
        macs: { before: before.macs, after: after.macs },
        sizeBytes: preview.sizeBytes,
        latency,
        notes,
      }
    } finally {
      await dataset?.close()
    }
  })
}

/** The preview for a person. */
export function describePreview({
  plan,
  parameters,
  macs,
  sizeBytes,
  latency,
  notes,
}: PreviewDocument): string {
  const told = noteLines(notes.map(message => ({ code: 'plan', severity: 'info', message })))
  return [
    changeTable(plan.decisions),
    costTable({ parameters, macs, bytes: sizeBytes }),
    [
      ...(latency ? [`${speedOf(latency)}, batch 1, one thread, measured for a moment`] : []),
      'nothing was written: a dry run',
      ...told,
    ].join('\n'),
  ].join('\n\n')
}

function speedOf(latency: NonNullable<PrunePreview['latency']>): string {
  return describeRatio({ a: 'original', b: 'pruned', batch: 1, threads: 1, ...latency })
}
