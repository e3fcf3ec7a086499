/** The options that say which data to use. */
import { type Command, Option } from 'commander'
import { SplitName } from '../../shared/domain'
import { wholeNumber } from './command'

export interface DataOptions {
  data?: string
  split: SplitName
  /** Array or column name; false: there are none. */
  labels?: string | boolean
  task?: 'classification' | 'regression' | 'none'
  preprocessing?: string
  input?: string[]
  /** A tokenizer.json: the model reads text. */
  tokenizer?: string
  maxLength?: number
  padding?: 'max' | 'longest'
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
    'a folder of images, .npz, .npy, IDX, .csv, .jsonl, .txt, .parquet, sample:digits or sample:spam',
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
    .option(
      '--input <name=columns...>',
      'columns or array that feed a model input, as input=a,b,c; of text as input=text, input=first,second or, where the name of the input does not tell, input=text:ids (mask, types, positions)',
    )
    .option('--tokenizer <file>', 'tokenizer.json that cuts texts into tokens (without: one beside the data)')
    .addOption(
      new Option('--max-length <tokens>', 'tokens of one text, special ones included').argParser(
        wholeNumber(1, 65_536),
      ),
    )
    .addOption(
      new Option(
        '--padding <length>',
        'whether texts are filled up to the maximum or the longest of a batch',
      ).choices(['max', 'longest']),
    )
}
