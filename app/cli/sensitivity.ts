/**
 * `bantam sensitivity MODEL --data DATA [--importance I] [--keep 0.75,0.5,0.25] [--samples N]`, and with
 * `--of quantize [--calibration C] [--layer ID]` each layer alone in 8 bits.
 */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { techniqueById, techniqueInfo } from '../../main/techniques'
import type { TechniqueInfo } from '../../shared/domain'
import { IMPORTANCES } from '../../shared/prune'
import { addGlobals, runAction, wholeNumber } from './command'
import { addDataOptions } from './data-options'
import { addTechniqueFlags, techniqueOptions } from './flags'
import { inputFile } from './paths'
import type { QuantizeSensitivityOptions } from './sensitivity-quantize'
import type { SensitivityOptions } from './sensitivity-run'
import { withTask } from './task'

export function setup(command: Command, argv: readonly string[]): void {
  addDataOptions(addGlobals(command), true)
    .argument('<model>', 'ONNX file')
    .addOption(
      new Option(
        '--of <change>',
        'what is done to each part: prune makes it smaller, quantize puts it in 8 bits',
      )
        .choices(['prune', 'quantize'])
        .default('prune'),
    )
    .option('--samples <n>', 'samples it is measured on', wholeNumber(1), 256)
  if (changeIn(argv) === 'quantize') setupQuantize(command)
  else setupPrune(command)
}

function changeIn(argv: readonly string[]): string | undefined {
  const at = argv.indexOf('--of')
  return at >= 0 ? argv[at + 1] : argv.find(word => word.startsWith('--of='))?.slice('--of='.length)
}

function setupPrune(command: Command): void {
  command
    .addOption(
      new Option('--importance <importance>', 'whose least important channels are removed')
        .choices(IMPORTANCES)
        .default('l2'),
    )
    .option('--keep <shares>', 'shares that stay, tried one after the other', shares, [0.75, 0.5, 0.25])
    .option('--group <id...>', 'only these groups, as `prune` names them')
    .addHelpText(
      'after',
      '\nWith --of quantize: --layer <id> looks into one layer, and the options of quantize --method static-int8 say how it is quantized (bantam sensitivity --of quantize --help).',
    )
    .action((model: string, options: SensitivityOptions) =>
      runAction(options.json, async terminal => {
        inputFile(model)
        const { describeSensitivity, sensitivityOf } = await import('./sensitivity-run')
        const found = await withTask(terminal, context => sensitivityOf(model, options, context))
        terminal.result({ model, ...found }, () => describeSensitivity(found, options.keep))
      }),
    )
}

/** Not asked for: what is measured here is what they would be chosen by, and `--samples` is told above. */
const LEFT_OUT = ['samples', 'exclude', 'overrides']

function setupQuantize(command: Command): void {
  const method = withoutFields(techniqueInfo(techniqueById('quantize.static-int8')), LEFT_OUT)
  command
    .option('--layer <id>', 'look into this layer alone: where its values lie, and what helps')
    .option('--calibrated <n>', 'samples that ranges come from', wholeNumber(1), 200)
  addTechniqueFlags(command, method)
  command.action((model: string, options: QuantizeSensitivityOptions) =>
    runAction(options.json, async terminal => {
      inputFile(model)
      const { describeLayer, describeQuantize, layerOf, quantizeSensitivityOf } = await import(
        './sensitivity-quantize'
      )
      const step = { ...techniqueOptions(command, method), samples: options.calibrated }
      const { layer } = options
      if (layer !== undefined) {
        const found = await withTask(terminal, context => layerOf(model, layer, step, options, context))
        terminal.result({ model, ...found }, () => describeLayer(found))
        return
      }
      const found = await withTask(terminal, context => quantizeSensitivityOf(model, step, options, context))
      terminal.result({ model, ...found }, () => describeQuantize(found))
    }),
  )
}

function withoutFields(method: TechniqueInfo, names: readonly string[]): TechniqueInfo {
  const properties = Object.entries(method.schema.properties ?? {}).filter(([name]) => !names.includes(name))
  return { ...method, schema: { ...method.schema, properties: Object.fromEntries(properties) } }
}

/** '0.75,0.5': shares above 0 and below 1, falling, without repeats. */
function shares(text: string): number[] {
  const values = text.split(',').map(part => (part.trim() === '' ? Number.NaN : Number(part)))
  if (values.every(v => v > 0 && v < 1)) return [...new Set(values)].sort((a, b) => b - a)
  throw new InvalidArgumentError('Write shares above 0 and below 1, such as 0.75,0.5.')
}
