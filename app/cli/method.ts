/** `--method M` of the commands whose flags depend on it. */
import type { Command } from 'commander'
import { TECHNIQUES, techniqueInfo } from '../../main/techniques'
import type { TechniqueInfo } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { addTechniqueFlags, describeField, fieldsOf, flagOf } from './flags'

/** What ids of techniques begin with: `quantize.static-int8` is `quantize --method static-int8`. */
export type Family = 'quantize.' | 'prune.'

/** Every technique of a family, in the order they are listed. */
export function methodsOf(family: Family): TechniqueInfo[] {
  return TECHNIQUES.filter(t => t.id.startsWith(family)).map(techniqueInfo)
}

/**
 * Adds `--method` and the flags of the method that `argv` names. Without one, help lists them all, and any flag is
 * accepted so that `unknownMethod` can be said. Answers with the method, where there is such a one.
 */
export function addMethod(
  command: Command,
  family: Family,
  argv: readonly string[],
): TechniqueInfo | undefined {
  const methods = methodsOf(family)
  command.requiredOption('--method <method>', `one of: ${names(family)}`)
  const wanted = methodIn(argv)
  const chosen = methods.find(m => m.id === family + wanted)
  if (chosen) command.description(`${command.description()}\n\n${chosen.title}: ${chosen.summary}`)
  else
    command
      .allowUnknownOption()
      .allowExcessArguments()
      .addHelpText('after', () => `\n${methodHelp(family, methods)}`)
  return chosen
}

/** Flags come last, behind the command's own. */
export function addMethodFlags(command: Command, method: TechniqueInfo | undefined): void {
  if (method) addTechniqueFlags(command, method)
}

function methodIn(argv: readonly string[]): string | undefined {
  const at = argv.indexOf('--method')
  return at >= 0 ? argv[at + 1] : argv.find(word => word.startsWith('--method='))?.slice('--method='.length)
}

function names(family: Family): string {
  return methodsOf(family)
    .map(m => m.id.slice(family.length))
    .join(', ')
}

export function unknownMethod(family: Family, method: string): BantamError {
  return new BantamError('bad-option', `There is no method ${method}.`, {
    where: '--method',
    action: `Choose one of: ${names(family)}.`,
  })
}

/** Every method with its options, for `--help` without a method. */
function methodHelp(family: Family, methods: readonly TechniqueInfo[]): string {
  return methods
    .map(method => {
      const fields = fieldsOf(method).map(
        ([name, field]) => `    ${flagOf(name, field)}  ${describeField(field)}`,
      )
      return [`--method ${method.id.slice(family.length)}: ${method.summary}`, ...fields].join('\n')
    })
    .join('\n\n')
}
