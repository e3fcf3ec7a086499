/** `bantam replay FILE` */
import { type Command, InvalidArgumentError } from 'commander'
import { BantamError } from '../../shared/errors'
import { formatBytes } from '../../shared/format'
import { addGlobals, type Globals, runAction } from './command'
import { inputFile, outputFile } from './paths'
import { withTask } from './task'
import { plain } from './terminal'

interface Options extends Globals {
  parent?: string
  out?: string
  data?: string
  model?: Record<string, string>
}

export function setup(command: Command): void {
  addGlobals(command)
    .argument('<file>', 'ONNX file with its .bantam.json beside it')
    .option(
      '--parent <model>',
      'the model it was made from (default: found by its hash in the file’s folder)',
    )
    .option('--out <file>', 'where to write what is made (default: it is only compared)')
    .option('--data <data>', 'where the data of a training lies, if no longer where it was')
    .option(
      '--model <name=file...>',
      'where a student or teacher that a training named lies, if no longer where it was',
      readPlace,
    )
    .action((file: string, options: Options) =>
      runAction(options.json, async terminal => {
        inputFile(file)
        if (options.parent) inputFile(options.parent)
        if (options.out) outputFile(options.out, [file, ...(options.parent ? [options.parent] : [])])
        const { replayFile } = await import('./replay-file')
        const { model: models, ...others } = options
        for (const path of Object.values(models ?? {})) inputFile(path)
        const request = { ...others, ...(models ? { models } : {}) }
        const document = await withTask(terminal, context => replayFile(file, request, context))
        terminal.result(document, () => {
          const what = document.identical ? 'The same bytes were made again' : 'Other bytes were made'
          return `${what} from ${plain(document.parent)}: ${formatBytes(document.sizeBytes)}, ${document.hash}${document.out ? `\nWrote ${plain(document.out)}` : ''}`
        })
        if (!document.identical) {
          throw new BantamError(
            'gate',
            `The file could not be made again byte for byte. ${document.reason ?? ''}`.trim(),
            { where: file, action: 'Evaluate both, and compare.' },
          )
        }
      }),
    )
}

/** name=file, gathered into one record. */
function readPlace(text: string, before: Record<string, string> | undefined): Record<string, string> {
  const equals = text.indexOf('=')
  if (equals < 1 || equals === text.length - 1) throw new InvalidArgumentError('Write NAME=FILE.')
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) }
}
