/** `bantam sensitivity MODEL --data DATA [--importance I] [--keep 0.75,0.5,0.25] [--samples N]` */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { IMPORTANCES } from '../../shared/prune'
import { addGlobals, runAction, wholeNumber } from './command'
import { addDataOptions } from './data-options'
import { inputFile } from './paths'
import type { SensitivityOptions } from './sensitivity-run'
import { withTask } from './task'

export function setup(command: Command): void {
  addDataOptions(addGlobals(command), true)
    .argument('<model>', 'ONNX file')
    .addOption(
      new Option('--importance <importance>', 'whose least important channels are removed')
        .choices(IMPORTANCES)
        .default('l2'),
    )
    .option('--keep <shares>', 'shares that stay, tried one after the other', shares, [0.75, 0.5, 0.25])
    .option('--samples <n>', 'samples it is measured on', wholeNumber(1), 256)
    .option('--group <id...>', 'only these groups, as `prune` names them')
    .action((model: string, options: SensitivityOptions) =>
      runAction(options.json, async terminal => {
        inputFile(model)
        const { describeSensitivity, sensitivityOf } = await import('./sensitivity-run')
        const found = await withTask(terminal, context => sensitivityOf(model, options, context))
        terminal.result({ model, ...found }, () => describeSensitivity(found, options.keep))
      }),
    )
}

/** '0.75,0.5': shares above 0 and below 1, falling, without repeats. */
function shares(text: string): number[] {
  const values = text.split(',').map(part => (part.trim() === '' ? Number.NaN : Number(part)))
  if (values.every(v => v > 0 && v < 1)) return [...new Set(values)].sort((a, b) => b - a)
  throw new InvalidArgumentError('Write shares above 0 and below 1, such as 0.75,0.5.')
}
