/** `bantam bundle FILE --out DIR` */
import type { Command } from 'commander'
import { BantamError } from '../../shared/errors'
import { formatBytes } from '../../shared/format'
import { addGlobals, type Globals, numberList, runAction } from './command'
import { addDataOptions, type MeasureOptions } from './data-options'
import { inputFile, outputFolder } from './paths'
import { withTask } from './task'
import { plain } from './terminal'

type Options = Omit<Globals, 'threads'> & MeasureOptions

export function setup(command: Command): void {
  addDataOptions(addGlobals(command, 'many'), false)
    .argument('<model>', 'ONNX file')
    .requiredOption('--out <folder>', 'new or empty folder to write')
    .option('--reference <model>', 'model to compare quality and speed with (needs --data)')
    .option('--name <name>', 'name of the model in the bundle (default: the file’s name)')
    .option('--batch <sizes>', 'batch sizes of the benchmark', numberList(1, 65536), [1])
    .option('--threads <counts>', 'threads of the benchmark', numberList(1, 256), [1])
    .option('--no-benchmark', 'leave speed out')
    .action((model: string, options: Options) =>
      runAction(options.json, async terminal => {
        inputFile(model)
        if (options.reference) inputFile(options.reference, 'reference')
        if (options.reference && !options.data) {
          throw new BantamError('bad-option', '--reference needs samples to compare on.', {
            action: 'Add --data DATA.',
          })
        }
        outputFolder(options.out)
        const { bundleFile } = await import('./bundle-file')
        const document = await withTask(terminal, context => bundleFile(model, options, context))
        terminal.result(document, () =>
          [
            `Wrote ${plain(document.out)}:`,
            ...document.files.map(f => `  ${plain(f.path)}  ${formatBytes(f.bytes)}`),
          ].join('\n'),
        )
      }),
    )
}
