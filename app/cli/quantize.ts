/** `bantam quantize MODEL --method M --out FILE [--data DATA] …` */
import type { Command } from 'commander'
import { isTrainingStep } from '../../main/jobs/requests'
import type { TechniqueInfo } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { type DataNeed, needOf } from '../../shared/needs'
import { addGlobals, runAction } from './command'
import { addDataOptions } from './data-options'
import { kebab, techniqueOptions } from './flags'
import { addRunOptions, checkPaths, type LearnOptions, stepOf } from './learn'
import { addMethod, addMethodFlags, unknownMethod } from './method'
import { inputFile, outputFile } from './paths'
import { withTask } from './task'
import type { Terminal } from './terminal'

const FAMILY = 'quantize.'

interface Options extends LearnOptions {
  method: string
}

export function setup(command: Command, argv: readonly string[]): void {
  addDataOptions(addGlobals(command), false).argument('<model>', 'ONNX file')
  const chosen = addMethod(command, FAMILY, argv)
  const trains = chosen !== undefined && isTrainingStep({ technique: chosen.id, options: {} })
  command.requiredOption('--out <file>', 'where to write the variant; its evidence goes beside it')
  if (trains) addRunOptions(command)
  else command.option('--force', 'keep a variant whose answers are worthless', false)
  addMethodFlags(command, chosen)
  command.action((model: string, options: Options) =>
    runAction(options.json, async terminal => {
      if (!chosen) throw unknownMethod(FAMILY, options.method)
      inputFile(model)
      outputFile(options.out, [model])
      const step = { technique: chosen.id, options: techniqueOptions(command, chosen) }
      const need = needOf(chosen, step.options)
      if (need && !options.data) throw needsData(options.method, need, trains)
      if (trains) return await train(command, chosen, model, options, terminal)
      const { describeVariant, runStep } = await import('./variant')
      const result = await withTask(terminal, context => runStep(model, step, options, context))
      terminal.result(result, () => describeVariant(result))
    }),
  )
}

/** As `bantam train`: with checkpoints, and a history in the result. */
async function train(
  command: Command,
  method: TechniqueInfo,
  model: string,
  options: Options,
  terminal: Terminal,
): Promise<void> {
  const { step, seed } = stepOf(command, method, options)
  checkPaths(model, step, options)
  const { describeLearnt, runLearning } = await import('./learn-run')
  const result = await runLearning(model, step, { ...options, seed }, terminal)
  terminal.result(result.document, () => describeLearnt(result))
}

function needsData(method: string, { option }: DataNeed, trains: boolean): BantamError {
  if (option) {
    const { name, value } = option
    const flag = `--${kebab(name)}`
    return new BantamError(
      'bad-option',
      `${value === 'true' ? flag : `${flag} ${value}`} looks at samples.`,
      {
        where: '--data',
        action: `Add --data DATA, with some hundred samples like those the model will see, or leave ${flag} out.`,
      },
    )
  }
  const [purpose, how] = trains ? ['learn from', 'samples'] : ['calibrate with', 'some hundred samples']
  return new BantamError('bad-option', `The method ${method} needs samples to ${purpose}.`, {
    where: '--data',
    action: `Add --data DATA, with ${how} like those the model will see.`,
  })
}
