/** `bantam verify FILE` */
import type { Command } from 'commander'
import { addGlobals, type Globals, runAction } from './command'
import { inputFile } from './paths'
import { withTask } from './task'

export function setup(command: Command): void {
  addGlobals(command)
    .argument('<file>', 'ONNX file')
    .action((file: string, options: Globals) =>
      runAction(options.json, async terminal => {
        inputFile(file)
        const { verifyAndDescribe } = await import('./verify-file')
        const { document, text } = await withTask(terminal, context => verifyAndDescribe(file, context))
        terminal.result(document, () => text)
      }),
    )
}
