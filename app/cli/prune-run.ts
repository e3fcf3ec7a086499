/** The work of `bantam prune`, and its result for a person. */
import { inspectModel } from '../../main/measure/inspect'
import type { Step } from '../../shared/domain'
import type { LearnOptions } from './learn'
import { describeLearnt, type Learnt, runLearning } from './learn-run'
import { type BeforeAfter, changeTable, costTable } from './prune-table'
import type { Terminal } from './terminal'

export interface Pruned extends Learnt {
  document: Learnt['document'] & {
    /** Measured on the files. */
    parameters: BeforeAfter
    /** For one sample. */
    macs: BeforeAfter
  }
}

/** Prunes and, where the options say so, recovers. Throws as `runLearning`. */
export async function runPruning(
  model: string,
  step: Step,
  options: LearnOptions,
  terminal: Terminal,
): Promise<Pruned> {
  const before = await inspectModel(model)
  const learnt = await runLearning(model, step, options, terminal)
  const after = await inspectModel(options.out)
  const { history, best, ended, evaluation, ...made } = learnt.document
  const document = {
    ...made,
    parameters: { before: before.parameters, after: after.parameters },
    macs: { before: before.macs, after: after.macs },
    ...{ history, best, ended, evaluation },
  }
  return { ...learnt, document }
}

/** Parts before and after, what it cost, and the file. */
export function describePruned(pruned: Pruned): string {
  const { plan, parameters, macs, sizeBytes, parent } = pruned.document
  const bytes = { before: parent.sizeBytes, after: sizeBytes }
  return [changeTable(plan.decisions), costTable({ parameters, macs, bytes }), describeLearnt(pruned)].join(
    '\n\n',
  )
}
