/** The `bantam` command: reads the arguments, loads the one command they name, and runs it. */
import { Command, CommanderError } from 'commander'
import { VERSION } from '../../main/version'
import { type CommandModule, fail, usageError } from './command'
import { Terminal } from './terminal'

interface Entry {
  name: string
  summary: string
  load(): Promise<CommandModule>
}

/** Only the command that is run is loaded, so that help and errors come at once. */
export const COMMANDS: readonly Entry[] = [
  { name: 'inspect', summary: 'show what an ONNX model is made of', load: () => import('./inspect') },
  {
    name: 'evaluate',
    summary: 'measure quality on data, and against a reference',
    load: () => import('./evaluate'),
  },
  {
    name: 'benchmark',
    summary: 'measure speed and memory of models, interleaved',
    load: () => import('./benchmark'),
  },
  {
    name: 'quantize',
    summary: 'make a smaller variant with low-precision numbers',
    load: () => import('./quantize'),
  },
  { name: 'verify', summary: 'prove that a file is what it claims to be', load: () => import('./verify') },
  { name: 'replay', summary: 'make a variant again from its evidence', load: () => import('./replay') },
  {
    name: 'report',
    summary: 'compare a folder of variants in one HTML file',
    load: () => import('./report'),
  },
  {
    name: 'bundle',
    summary: 'write a folder to deploy: model, examples, numbers',
    load: () => import('./bundle'),
  },
  { name: 'serve', summary: 'open the workbench in a browser', load: () => import('./serve') },
  { name: 'demo', summary: 'run the sample study to a finished report', load: () => import('./demo') },
]

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
    for (const { name, summary, load } of COMMANDS) {
      const command = program.command(name).description(sentence(summary)).summary(summary)
      silence(command)
      if (name === wanted) await (await load()).setup(command, argv.slice(argv.indexOf(name) + 1))
    }
    if (argv.length === 0) {
      process.stdout.write(program.helpInformation())
      return
    }
    await program.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return // help or version was shown
    const known = COMMANDS.some(c => c.name === wanted) ? (wanted ?? '') : ''
    fail(error instanceof CommanderError ? usageError(error.message, known) : error, new Terminal(false))
  }
}

function silence(command: Command): void {
  command.exitOverride().configureOutput({ writeErr: () => undefined })
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}

await main(process.argv.slice(2))
