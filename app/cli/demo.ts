/** `bantam demo [--out DIR]` */
import type { Command } from 'commander'
import { BantamError } from '../../shared/errors'
import { addGlobals, type Globals, runAction, wholeNumber } from './command'
import { outputFolder } from './paths'
import { withTask } from './task'

interface Options extends Globals {
  out?: string
  runs?: number
}

export function setup(command: Command): void {
  addGlobals(command)
    .option('--out <folder>', 'where the variants and the report go (default: bantam-demo)')
    .option('--runs <n>', 'measured runs of each model in the benchmark', wholeNumber(5, 1_000_000))
    .action((options: Options) =>
      runAction(options.json, async terminal => {
        const { describeDemo, runDemo } = await import('./demo-study')
        const folder = options.out ?? 'bantam-demo'
        if (folder.trim() === '')
          throw new BantamError('bad-option', '--out is empty.', { action: 'Name a folder.' })
        outputFolder(folder)
        const result = await withTask(terminal, context => runDemo(folder, options, context))
        terminal.result(result.document, () => describeDemo(result))
      }),
    )
}
