/** `bantam quantize MODEL --method M --out FILE [--data DATA] …` */
import type { Command } from 'commander'
import { BantamError } from '../../shared/errors'
import { addGlobals, type Globals, runAction } from './command'
import { addDataOptions, type DataOptions } from './data-options'
import { techniqueOptions } from './flags'
import { addMethod, addMethodFlags, unknownMethod } from './method'
import { inputFile, outputFile } from './paths'
import { withTask } from './task'

const FAMILY = 'quantize.'

interface Options extends Globals, DataOptions {
  method: string
  out: string
  force: boolean
}

export function setup(command: Command, argv: readonly string[]): void {
  addDataOptions(addGlobals(command), false).argument('<model>', 'ONNX file')
  const chosen = addMethod(command, FAMILY, argv)
  command
    .requiredOption('--out <file>', 'where to write the variant; its evidence goes beside it')
    .option('--force', 'keep a variant whose answers are worthless', false)
  addMethodFlags(command, chosen)
  command.action((model: string, options: Options) =>
    runAction(options.json, async terminal => {
      if (!chosen) throw unknownMethod(FAMILY, options.method)
      inputFile(model)
      outputFile(options.out, [model])
      if (chosen.needs !== 'nothing' && !options.data) throw needsData(options.method)
      const { describeVariant, runStep } = await import('./variant')
      const step = { technique: chosen.id, options: techniqueOptions(command, chosen) }
      const result = await withTask(terminal, context => runStep(model, step, options, context))
      terminal.result(result, () => describeVariant(result))
    }),
  )
}

function needsData(method: string): BantamError {
  return new BantamError('bad-option', `The method ${method} needs samples to calibrate with.`, {
    where: '--data',
    action: 'Add --data DATA, with some hundred samples like those the model will see.',
  })
}
