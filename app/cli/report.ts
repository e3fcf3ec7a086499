/** `bantam report DIR --out report.html` */
import type { Command } from 'commander'
import { formatBytes } from '../../shared/format'
import { addGlobals, type Globals, numberList, runAction } from './command'
import { addDataOptions, type MeasureOptions } from './data-options'
import { inputFile, inputFolder, outputFile } from './paths'
import { withTask } from './task'
import { plain } from './terminal'

type Options = Omit<Globals, 'threads'> & MeasureOptions

export function setup(command: Command): void {
  addDataOptions(addGlobals(command, 'many'), false)
    .argument('<folder>', 'folder of ONNX files, with the .bantam.json evidence beside the variants')
    .requiredOption('--out <file>', 'HTML file to write')
    .option(
      '--reference <model>',
      'what everything is measured against (default: the file the others were made from)',
    )
    .option('--name <name>', 'title of the report (default: the folder’s name)')
    .option('--batch <sizes>', 'batch sizes of the benchmark', numberList(1, 65536), [1, 32])
    .option('--threads <counts>', 'threads of the benchmark', numberList(1, 256), [1])
    .option('--no-benchmark', 'leave speed out')
    .action((folder: string, options: Options) =>
      runAction(options.json, async terminal => {
        inputFolder(folder)
        if (options.reference) inputFile(options.reference, 'reference')
        outputFile(options.out)
        const { reportFolder } = await import('./report-folder')
        const document = await withTask(terminal, context => reportFolder(folder, options, context))
        terminal.result(
          document,
          () =>
            `Wrote ${plain(document.out)} (${formatBytes(document.sizeBytes)}), ${document.variants.length} models.`,
        )
      }),
    )
}
