/** `bantam replay FILE` */
import type { Command } from 'commander'
import { BantamError } from '../../shared/errors'
import { formatBytes } from '../../shared/format'
import { addGlobals, type Globals, runAction } from './command'
import { inputFile, outputFile } from './paths'
import { withTask } from './task'
import { plain } from './terminal'

interface Options extends Globals {
  parent?: string
  out?: string
}

export function setup(command: Command): void {
  addGlobals(command)
    .argument('<file>', 'ONNX file with its .bantam.json beside it')
    .option(
      '--parent <model>',
      'the model it was made from (default: found by its hash in the file’s folder)',
    )
    .option('--out <file>', 'where to write what is made (default: it is only compared)')
    .action((file: string, options: Options) =>
      runAction(options.json, async terminal => {
        inputFile(file)
        if (options.parent) inputFile(options.parent)
        if (options.out) outputFile(options.out, [file, ...(options.parent ? [options.parent] : [])])
        const { replayFile } = await import('./replay-file')
        const document = await withTask(terminal, context => replayFile(file, options, context))
        terminal.result(document, () => {
          const what = document.identical ? 'The same bytes were made again' : 'Other bytes were made'
          return `${what} from ${plain(document.parent)}: ${formatBytes(document.sizeBytes)}, ${document.hash}${document.out ? `\nWrote ${plain(document.out)}` : ''}`
        })
        if (!document.identical) {
          throw new BantamError(
            'gate',
            'The file could not be made again byte for byte: it was made by other versions.',
            {
              where: file,
              action: 'Compare the versions in its .bantam.json with yours.',
            },
          )
        }
      }),
    )
}
