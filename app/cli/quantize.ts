/** `bantam quantize MODEL --method M --out FILE [--data DATA] …` */
import type { Command } from 'commander'
import { TECHNIQUES, techniqueInfo } from '../../main/techniques'
import type { TechniqueInfo } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { addGlobals, type Globals, runAction } from './command'
import { addDataOptions, type DataOptions } from './data-options'
import { addTechniqueFlags, describeField, fieldsOf, flagOf, techniqueOptions } from './flags'
import { inputFile, outputFile } from './paths'
import { withTask } from './task'

const FAMILY = 'quantize.'

interface Options extends Globals, DataOptions {
  method: string
  out: string
  force: boolean
}

export function setup(command: Command, argv: readonly string[]): void {
  const methods = TECHNIQUES.filter(t => t.id.startsWith(FAMILY))
  const wanted = methodIn(argv)
  const technique = methods.find(m => m.id === FAMILY + wanted)
  const chosen = technique && techniqueInfo(technique)
  addDataOptions(addGlobals(command), false)
    .argument('<model>', 'ONNX file')
    .requiredOption('--method <method>', `one of: ${names(methods)}`)
    .requiredOption('--out <file>', 'where to write the variant; its evidence goes beside it')
    .option('--force', 'keep a variant whose answers are worthless', false)
  if (chosen)
    addTechniqueFlags(
      command.description(`${command.description()}\n\n${chosen.title}: ${chosen.summary}`),
      chosen,
    )
  else command.allowUnknownOption().addHelpText('after', () => `\n${methodHelp(methods.map(techniqueInfo))}`)
  command.action((model: string, options: Options) =>
    runAction(options.json, async terminal => {
      if (!chosen) throw unknownMethod(options.method, methods)
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

function methodIn(argv: readonly string[]): string | undefined {
  const at = argv.indexOf('--method')
  return at >= 0 ? argv[at + 1] : argv.find(word => word.startsWith('--method='))?.slice('--method='.length)
}

function names(methods: readonly { id: string }[]): string {
  return methods.map(m => m.id.slice(FAMILY.length)).join(', ')
}

function unknownMethod(method: string, methods: readonly { id: string }[]): BantamError {
  return new BantamError('bad-option', `There is no method ${method}.`, {
    where: '--method',
    action: `Choose one of: ${names(methods)}.`,
  })
}

function needsData(method: string): BantamError {
  return new BantamError('bad-option', `The method ${method} needs samples to calibrate with.`, {
    where: '--data',
    action: 'Add --data DATA, with some hundred samples like those the model will see.',
  })
}

/** Every method with its options, for `--help` without a method. */
function methodHelp(methods: readonly TechniqueInfo[]): string {
  return methods
    .map(method => {
      const fields = fieldsOf(method).map(
        ([name, field]) => `    ${flagOf(name, field)}  ${describeField(field)}`,
      )
      return [`--method ${method.id.slice(FAMILY.length)}: ${method.summary}`, ...fields].join('\n')
    })
    .join('\n\n')
}
