/** Opening the data that the options name. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Dataset } from '../../main/data/dataset'
import { openDataset } from '../../main/data/open'
import { Random } from '../../main/data/random'
import { parseSource, sampleDescription } from '../../main/data/source'
import { TOKENIZER_NAME } from '../../main/data/text/locate'
import {
  DatasetSpec,
  Preprocessing,
  type SplitName,
  type TensorInfo,
  TextPreprocessing,
  TextRole,
} from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { DataOptions } from './data-options'
import { inputFile } from './paths'

/** Opens the data for a model's inputs; what is not given is chosen as the workbench would choose it. */
export async function openData(
  options: DataOptions & { data: string },
  inputs: TensorInfo[],
): Promise<Dataset> {
  const { data: source, labels, task, input } = options
  const preprocessing = preprocessingOf(options)
  const pairs = input ? readInputs(input, inputs, preprocessing) : undefined
  const spec = DatasetSpec.parse({
    source,
    ...(labels === false ? { labels: null, task: 'none' } : {}),
    ...(typeof labels === 'string' ? { labels } : {}),
    ...(task ? { task } : {}),
    ...(pairs ? { inputs: pairs.inputs } : {}),
    ...(preprocessing ? { preprocessing: withRoles(preprocessing, pairs?.roles) } : {}),
  })
  return openDataset(spec, inputs)
}

/** Preprocessing of a file, and of the options for text over it; undefined to let the engine choose. */
function preprocessingOf(options: DataOptions & { data: string }): Preprocessing | undefined {
  const { preprocessing, tokenizer, maxLength, padding, data } = options
  const base = preprocessing ? besideItself(readPreprocessing(preprocessing), preprocessing) : undefined
  if (tokenizer === undefined && maxLength === undefined && padding === undefined) return base
  if (base && base.kind !== 'text') {
    throw new BantamError('bad-option', '--tokenizer, --max-length and --padding are for text.', {
      where: preprocessing ?? '',
      action: 'Leave them out, or give preprocessing of text.',
    })
  }
  const { sample } = parseSource(data)
  const own = sample === undefined ? undefined : sampleDescription(sample).spec.preprocessing
  const usual =
    own?.kind === 'text' ? own : TextPreprocessing.parse({ kind: 'text', tokenizer: TOKENIZER_NAME })
  const { digest, ...text } = base ?? usual
  const kept = tokenizer === undefined && digest !== undefined ? { digest } : {}
  return {
    ...text,
    ...kept,
    ...(tokenizer === undefined ? {} : { tokenizer: resolve(inputFile(tokenizer, 'tokenizer')) }),
    ...(maxLength === undefined ? {} : { maxLength }),
    ...(padding === undefined ? {} : { padding }),
  }
}

/** In a bundle the tokenizer lies beside the preprocessing. */
function besideItself(preprocessing: Preprocessing, path: string): Preprocessing {
  if (preprocessing.kind !== 'text') return preprocessing
  const place = join(dirname(resolve(path)), preprocessing.tokenizer)
  return existsSync(place) ? { ...preprocessing, tokenizer: place } : preprocessing
}

function withRoles(preprocessing: Preprocessing, roles: TextPreprocessing['roles'] = {}): Preprocessing {
  if (preprocessing.kind !== 'text') return preprocessing
  return { ...preprocessing, roles: { ...preprocessing.roles, ...roles } }
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

/** Columns that feed each input and, of text, what each input takes of it (`input=text:mask`). */
function readInputs(
  pairs: readonly string[],
  inputs: readonly TensorInfo[],
  preprocessing: Preprocessing | undefined,
): { inputs: Record<string, string[]>; roles: TextPreprocessing['roles'] } {
  const roles: TextPreprocessing['roles'] = {}
  const columns = pairs.map((pair): [string, string[]] => {
    const equals = pair.indexOf('=')
    const name = pair.slice(0, equals)
    if (equals < 1 || !inputs.some(i => i.name === name)) {
      throw new BantamError('bad-option', `--input ${pair} does not name an input of the model.`, {
        action: `Write input=column,column with one of: ${inputs.map(i => i.name).join(', ')}.`,
      })
    }
    const value = pair.slice(equals + 1)
    const role = TextRole.safeParse(value.slice(value.lastIndexOf(':') + 1))
    if (preprocessing?.kind !== 'text' || !value.includes(':') || !role.success)
      return [name, value.split(',')]
    roles[name] = role.data
    return [name, value.slice(0, value.lastIndexOf(':')).split(',')]
  })
  return { inputs: Object.fromEntries(columns), roles }
}

/**
 * Samples for calibration: all of the split when it has no more than `count`, in their order. Else the beginning of a
 * named split (which is in a mixed order of its own), or `count` of all samples drawn with `seed`.
 */
export function drawSamples(
  dataset: Dataset,
  split: SplitName,
  count: number,
  seed: number,
  further = 0,
): Uint32Array {
  const indices = dataset.indices(split)
  if (indices.length <= count) return indices
  if (split !== 'all') return indices.slice(0, count + further)
  const drawn = new Random(seed).shuffle(Uint32Array.from(indices))
  const rest = drawn.slice(count, count + further).sort()
  return Uint32Array.of(...drawn.slice(0, count).sort(), ...rest)
}
