/** `bantam verify FILE` */
import type { Command } from 'commander'
import { BantamError } from '../../shared/errors'
import { formatMs } from '../../shared/format'
import { addGlobals, type Globals, runAction } from './command'
import { noteLines } from './notes'
import { inputFile } from './paths'
import { withTask } from './task'
import { columns, plain } from './terminal'

export function setup(command: Command): void {
  addGlobals(command)
    .argument('<file>', 'ONNX file')
    .action((file: string, options: Globals) =>
      runAction(options.json, async terminal => {
        inputFile(file)
        const { verifyFile } = await import('../../main/operations/verify')
        const result = await withTask(terminal, context => verifyFile(file, context))
        terminal.result({ file, ...result }, () => {
          const facts = [
            ['file', plain(file)],
            ['hash', result.hash],
            ['loads', result.loads ? `in a fresh process, in ${formatMs(result.loadMs)}` : 'no'],
            ['evidence', evidenceText(result)],
          ]
          return [
            ...columns([['', ''], ...facts])
              .split('\n')
              .slice(1),
            ...noteLines(result.notes),
          ].join('\n')
        })
        if (result.intact === false) {
          throw new BantamError('gate', 'The file is not what its evidence says.', {
            where: file,
            action: 'Make it again with `bantam replay`, or do not use it.',
          })
        }
      }),
    )
}

function evidenceText(result: {
  intact: boolean | null
  evidence: { plan: { technique: string } } | null
}): string {
  if (!result.evidence) return 'none'
  const { technique } = result.evidence.plan
  return result.intact ? `agrees: made with ${plain(technique)}` : 'does not agree with the file'
}
