/** The options that say which data to use. */
import { type Command, Option } from 'commander'
import { SplitName } from '../../shared/domain'

export interface DataOptions {
  data?: string
  split: SplitName
  /** Array or column name; false: there are none. */
  labels?: string | boolean
  task?: 'classification' | 'regression' | 'none'
  preprocessing?: string
  input?: string[]
}

/** What the commands take that measure models and write something about them. */
export interface MeasureOptions extends DataOptions {
  out: string
  reference?: string
  name?: string
  batch: number[]
  threads: number[]
  benchmark: boolean
}

/** Adds `--data` and what goes with it. */
export function addDataOptions(command: Command, needed: boolean): Command {
  const data = new Option(
    '--data <data>',
    'a folder of images, .npz, .npy, IDX, .csv, .jsonl, .parquet, or sample:digits',
  )
  command.addOption(needed ? data.makeOptionMandatory() : data)
  return command
    .addOption(
      new Option('--split <split>', 'which samples, drawn with the data’s own seed')
        .choices(SplitName.options)
        .default('all'),
    )
    .option('--labels <name>', 'array or column that holds the labels')
    .option('--no-labels', 'the data has no labels')
    .addOption(
      new Option('--task <task>', 'what the labels are').choices(['classification', 'regression', 'none']),
    )
    .option('--preprocessing <file>', 'preprocessing as JSON, as in a bundle')
    .option('--input <name=columns...>', 'columns or array that feed a model input, as input=a,b,c')
}
