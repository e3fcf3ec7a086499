/** `bantam prune MODEL --method M --amount X --out FILE [--data DATA] [--recover EPOCHS] …` */
import type { Command } from 'commander'
import { isTrainingStep } from '../../main/jobs/requests'
import type { Step } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { pruneNeeds } from '../../shared/prune'
import { addGlobals, runAction } from './command'
import { addDataOptions } from './data-options'
import { kebab } from './flags'
import { addRunOptions, checkPaths, type LearnOptions, stepOf } from './learn'
import { addMethod, addMethodFlags, unknownMethod } from './method'
import { inputFile } from './paths'

const FAMILY = 'prune.'

interface Options extends Omit<LearnOptions, 'out'> {
  method: string
  out?: string
  dryRun: boolean
}

export function setup(command: Command, argv: readonly string[]): void {
  addDataOptions(addGlobals(command), false).argument('<model>', 'ONNX file')
  const chosen = addMethod(command, FAMILY, argv)
  command
    .option(
      '--out <file>',
      'where to write the result, required without --dry-run; its evidence goes beside it',
    )
    .option('--dry-run', 'show the plan and what it would bring, and write nothing', false)
  addMethodFlags(addRunOptions(command), chosen)
  command.action((model: string, options: Options) =>
    runAction(options.json, async terminal => {
      if (!chosen) throw unknownMethod(FAMILY, options.method)
      const { step, seed } = stepOf(command, chosen, options)
      checkData(step, options)
      if (options.dryRun) {
        inputFile(model)
        const { describePreview, runPreview } = await import('./prune-preview')
        const preview = await runPreview(model, step, { ...options, seed }, terminal)
        terminal.result(preview, () => describePreview(preview))
        return
      }
      const { out } = options
      if (out === undefined) throw needsOut()
      const full = { ...options, out, seed }
      checkPaths(model, step, full)
      checkTraining(step, options)
      const { describePruned, runPruning } = await import('./prune-run')
      const result = await runPruning(model, step, full, terminal)
      terminal.result(result.document, () => describePruned(result))
    }),
  )
}

/** Data where the options look at some, said before any work. */
function checkData({ options }: Step, { data }: Options): void {
  const needs = pruneNeeds(options)
  if (!needs || data !== undefined) return
  const training = needs.option === 'recovery'
  throw new BantamError(
    'bad-option',
    training ? 'Recovery needs samples to learn from.' : `${needs.value} is measured on samples.`,
    {
      where: '--data',
      action: training
        ? 'Add --data DATA, or leave out --recover.'
        : `Add --data DATA, or choose another --${kebab(needs.option)}.`,
    },
  )
}

function checkTraining(step: Step, { resume, restart }: Options): void {
  if (isTrainingStep(step) || !(resume || restart)) return
  throw new BantamError('bad-option', 'There is no training to go on with: nothing is recovered.', {
    where: resume ? '--resume' : '--restart',
    action: 'Leave it out, or add --recover EPOCHS.',
  })
}

function needsOut(): BantamError {
  return new BantamError('bad-option', "Required option '--out <file>' not specified.", {
    action: 'Say where to write the result, or add --dry-run.',
  })
}
