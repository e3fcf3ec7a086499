/** What every command is made of: the global options, and how errors become exit codes. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { Device } from '../../shared/domain'
import { BantamError, type ErrorCode, errorLine, toErrorData } from '../../shared/errors'
import { EXIT_INTERRUPTED } from './task'
import { Terminal } from './terminal'

export interface Globals {
  json: boolean
  seed: number
  /** 0: as many as the machine has physical cores. */
  threads: number
  device: Device
  workspace?: string
}

/** A command's file: adds its arguments, options and action to an empty commander command. */
export interface CommandModule {
  /** `argv` is what follows the command's name, for options that depend on others. */
  setup(command: Command, argv: readonly string[]): void | Promise<void>
}

/** The options every command takes. `threads: 'many'` leaves `--threads` to the command. */
export function addGlobals(command: Command, threads: 'one' | 'many' = 'one'): Command {
  command
    .option('--json', 'print the result as one JSON document', false)
    .option('--seed <n>', 'seed of everything random', wholeNumber(0), 0)
  if (threads === 'one') {
    command.option(
      '--threads <n>',
      'threads of ONNX Runtime (0: one per physical core)',
      wholeNumber(0, 256),
      0,
    )
  }
  return command
    .addOption(new Option('--device <device>', 'where to run').choices(Device.options).default('cpu'))
    .option('--workspace <folder>', 'where the workbench keeps its studies (serve only)')
}

/** Runs an action with its terminal; prints a failure as one line and sets the exit code. */
export async function runAction(json: boolean, action: (terminal: Terminal) => Promise<void>): Promise<void> {
  const terminal = new Terminal(json)
  if (json) sendConsoleToStderr()
  try {
    await action(terminal)
  } catch (error) {
    fail(error, terminal)
  }
}

/** Libraries may print; stdout is for the document alone. */
function sendConsoleToStderr(): void {
  console.log = console.info = console.debug = (...parts: unknown[]) => console.error(...parts)
}

/** Writes one line to stderr and sets the exit code. */
export function fail(error: unknown, terminal: Terminal): void {
  const data = toErrorData(error)
  terminal.clear()
  terminal.say(errorLine(data).replace(/\s*\n\s*/g, ' '))
  if (data.code === 'internal' && process.env.BANTAM_DEBUG && error instanceof Error)
    terminal.say(error.stack ?? '')
  process.exitCode = exitCode(data.code)
}

/** 0 done, 1 internal failure, 2 bad input, 3 a gate was not met, 130 interrupted. */
export function exitCode(code: ErrorCode): number {
  switch (code) {
    case 'gate':
      return 3
    case 'cancelled':
      return EXIT_INTERRUPTED
    case 'internal':
    case 'crashed':
    case 'no-space':
    case 'conflict':
      return 1
    default:
      return 2
  }
}

/** Parser of an option that is a whole number of a range. */
export function wholeNumber(low: number, high = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return text => {
    const value = Number(text)
    if (text.trim() === '' || !Number.isInteger(value) || value < low || value > high) {
      const range = high === Number.MAX_SAFE_INTEGER ? `of at least ${low}` : `from ${low} to ${high}`
      throw new InvalidArgumentError(`It must be a whole number ${range}.`)
    }
    return value
  }
}

/** Parser of an option that is a number of a range. */
export function realNumber(low: number, high = Number.POSITIVE_INFINITY): (text: string) => number {
  return text => {
    const value = Number(text)
    if (text.trim() === '' || !Number.isFinite(value) || value < low || value > high) {
      throw new InvalidArgumentError(
        `It must be a number ${high === Number.POSITIVE_INFINITY ? `of at least ${low}` : `from ${low} to ${high}`}.`,
      )
    }
    return value
  }
}

/** Parser of '1,2,4': whole numbers of a range, without repeats. */
export function numberList(low: number, high: number): (text: string) => number[] {
  const parse = wholeNumber(low, high)
  return text => [...new Set(text.split(',').map(part => parse(part.trim())))]
}

/** Turns commander's complaints into ours. */
export function usageError(message: string, command: string): BantamError {
  const text = message
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean (.*)\?\)$/, ' (did you mean $1?)')
    .trim()
  const sentence = text.charAt(0).toUpperCase() + text.slice(1)
  return new BantamError('bad-option', /[.!?)]$/.test(sentence) ? sentence : `${sentence}.`, {
    action: `See \`bantam ${command ? `${command} ` : ''}--help\`.`,
  })
}
