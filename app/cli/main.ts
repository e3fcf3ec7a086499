/** The `bantam` command: reads the arguments, loads the one command they name, and runs it. */
import { Command, CommanderError } from 'commander'
import { VERSION } from '../../main/version'
import { COMMANDS } from './commands'
import { Terminal, write } from './terminal'

/** Parses `argv` (without node and script) and runs. Sets `process.exitCode`. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('bantam')
    .description(
      'Makes trained neural networks smaller, faster and cheaper to run, and shows what that costs.',
    )
    .version(VERSION)
    .helpCommand(false)
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 internal failure, 2 bad input, 3 a gate was not met, 130 interrupted.',
    )
  silence(program)
  const wanted = argv.find(word => !word.startsWith('-'))
  try {
    const asksOnly = argv.some(word => word === '-h' || word === '--help')
    if (!asksOnly && COMMANDS.some(c => c.name === wanted && c.proves)) {
      const { prepareFresh } = await import('../../main/runtime/fresh')
      prepareFresh()
    }
    for (const { name, summary, load } of COMMANDS) {
      const command = program.command(name).description(sentence(summary)).summary(summary)
      silence(command)
      if (name === wanted) await (await load()).setup(command, argv.slice(argv.indexOf(name) + 1))
    }
    if (argv.length === 0) {
      program.outputHelp()
      return
    }
    await program.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return // help or version was shown
    const known = COMMANDS.some(c => c.name === wanted) ? (wanted ?? '') : ''
    const { fail, usageError } = await import('./command')
    fail(error instanceof CommanderError ? usageError(error.message, known) : error, new Terminal(false))
  }
}

function silence(command: Command): void {
  command.exitOverride().configureOutput({ writeErr: () => undefined, writeOut: text => write(1, text) })
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

await main(process.argv.slice(2))
