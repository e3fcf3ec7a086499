/** Opening the data that the options name. */
import { readFileSync } from 'node:fs'
import type { Dataset } from '../../main/data/dataset'
import { openDataset } from '../../main/data/open'
import { Random } from '../../main/data/random'
import { DatasetSpec, Preprocessing, type SplitName, type TensorInfo } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { DataOptions } from './data-options'
import { inputFile } from './paths'

/** Opens the data for a model's inputs; what is not given is chosen as the workbench would choose it. */
export async function openData(
  options: DataOptions & { data: string },
  inputs: TensorInfo[],
): Promise<Dataset> {
  const { data: source, labels, task, preprocessing, input } = options
  const spec = DatasetSpec.parse({
    source,
    ...(labels === false ? { labels: null, task: 'none' } : {}),
    ...(typeof labels === 'string' ? { labels } : {}),
    ...(task ? { task } : {}),
    ...(preprocessing ? { preprocessing: readPreprocessing(preprocessing) } : {}),
    ...(input ? { inputs: readInputs(input, inputs) } : {}),
  })
  return openDataset(spec, inputs)
}

function readPreprocessing(path: string): Preprocessing {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(inputFile(path, 'preprocessing'), 'utf8'))
  } catch (error) {
    if (error instanceof BantamError) throw error
    throw new BantamError('bad-file', 'The preprocessing is not JSON.', {
      where: path,
      action: 'Take the preprocessing.json of a bundle as a pattern.',
    })
  }
  const result = Preprocessing.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  throw new BantamError(
    'bad-option',
    `The preprocessing is not valid: ${issue?.path.join('.') || 'kind'}: ${issue?.message}.`,
    {
      where: path,
      action: 'Take the preprocessing.json of a bundle as a pattern.',
    },
  )
}

function readInputs(pairs: readonly string[], inputs: readonly TensorInfo[]): Record<string, string[]> {
  return Object.fromEntries(
    pairs.map(pair => {
      const equals = pair.indexOf('=')
      const name = pair.slice(0, equals)
      if (equals < 1 || !inputs.some(i => i.name === name)) {
        throw new BantamError('bad-option', `--input ${pair} does not name an input of the model.`, {
          action: `Write input=column,column with one of: ${inputs.map(i => i.name).join(', ')}.`,
        })
      }
      return [name, pair.slice(equals + 1).split(',')]
    }),
  )
}

/**
 * Samples for calibration: all of the split when it has no more than `count`, in their order. Else the beginning of a
 * named split (which is in a mixed order of its own), or `count` of all samples drawn with `seed`.
 */
export function drawSamples(dataset: Dataset, split: SplitName, count: number, seed: number): Uint32Array {
  const indices = dataset.indices(split)
  if (indices.length <= count) return indices
  if (split !== 'all') return indices.slice(0, count)
  return new Random(seed).shuffle(Uint32Array.from(indices)).slice(0, count).sort()
}
