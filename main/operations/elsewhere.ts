/** Whether a quantized model answers otherwise on other x86 processors: told while it is proven. */
import type { Note, Plan, Saturation, TensorInfo } from '../../shared/domain'
import { formatShare } from '../../shared/format'
import type { TaskContext } from '../jobs/context'
import { hardware } from '../measure/hardware'
import { type Feeds, fixedBatch } from '../measure/inputs'
import { modelInputs } from '../onnx/inputs'
import type { Model } from '../onnx/model'
import { saturates } from '../quantize/advice'
import { simulateSaturation } from '../quantize/saturation/simulate'
import { type Tensor, toNumbers } from '../runtime/tensor'
import type { TrialInputs } from './inputs'
import { compareOutputs, type Outputs } from './parity'

/** Above this answers of two machines are the same for all that matters, in dB. */
const ALIKE_DB = 40
/** Time for simulations, of which a first sample is always whole. */
const MILLISECONDS = 1000
/** Layers named in a note. */
const NAMED = 3

/**
 * How many sums of products saturate where there is no VNNI, and what that does to the answers to the trial inputs.
 * Undefined for models without 8-bit products of constant weights. Throws `cancelled`.
 */
export async function elsewhere(
  model: Model,
  inputs: TrialInputs,
  context: TaskContext,
): Promise<Saturation | undefined> {
  const feeds = singles(inputs, modelInputs(model))
  const limits = { threads: 1, milliseconds: MILLISECONDS }
  const found = await simulateSaturation(model, feeds, limits, context)
  if (!found) return undefined
  const { exact, saturated, layers, looked } = found
  const samples = Math.round((inputs.samples * exact.length) / feeds.length)
  const { parity } = compareOutputs(exact, saturated, samples)
  const here = saturates(await hardware()) ? ('saturated' as const) : ('exact' as const)
  return {
    samples,
    here,
    layers,
    looked,
    sqnr: parity.sqnr,
    ...changedAnswers(exact, saturated),
  }
}

/** The samples one by one where the model takes any number: so that few are held, and as many run as time allows. */
function singles({ runs, samples }: TrialInputs, declared: readonly TensorInfo[]): Feeds[] {
  const [run] = runs
  if (!run || runs.length > 1 || fixedBatch(declared) !== null) return [...runs]
  const whole = Object.values(run).every(({ dims, type }) => dims[0] === samples && type !== 'string')
  if (!whole) return [...runs]
  return Array.from({ length: samples }, (_, i) =>
    Object.fromEntries(Object.entries(run).map(([name, tensor]) => [name, rowOf(tensor, i)])),
  )
}

function rowOf(tensor: Tensor, row: number): Tensor {
  const [rows = 1, ...rest] = tensor.dims
  const size = tensor.data.length / rows
  // A part of an array is of the type the array has.
  const data = tensor.data.slice(row * size, (row + 1) * size) as Tensor['data']
  return { ...tensor, dims: [1, ...rest], data } as Tensor
}

/** Answers along the last axis of the first output, and how many have another largest value. */
function changedAnswers(
  exact: readonly Outputs[],
  saturated: readonly Outputs[],
): { answers: number; changed: number } {
  const count = { answers: 0, changed: 0 }
  for (const [i, run] of exact.entries()) {
    const [name] = Object.keys(run)
    const [a, b] = [run[name ?? ''], saturated[i]?.[name ?? '']]
    if (!a || !b || a.dims.length < 2) continue
    const [one, two] = [largest(a), largest(b)]
    count.answers += one.length
    count.changed += one.filter((at, row) => at !== two[row]).length
  }
  return count
}

/** Place of the largest value of each row along the last axis; none where rows have one value. */
function largest(tensor: Tensor): number[] {
  const classes = tensor.dims.at(-1) ?? 1
  if (classes < 2 || tensor.type === 'string') return []
  const values = toNumbers(tensor)
  return Array.from({ length: values.length / classes }, (_, row) => {
    let best = 0
    for (let c = 1; c < classes; c++) {
      if ((values[row * classes + c] as number) > (values[row * classes + best] as number)) best = c
    }
    return best
  })
}

/** What a person should know of what was made with some options; null where nothing saturates. */
export function saturationNote(
  { here, layers, sqnr, samples, answers, changed }: Saturation,
  options: Plan['options'],
): Note | null {
  const [worst] = layers
  if (!worst) return null
  const named = layers.slice(0, NAMED).map(({ node, share }) => `${node} (${formatShare(share, 1)} of them)`)
  const more = layers.length > NAMED ? ` and ${layers.length - NAMED} more` : ''
  const where = here === 'saturated' ? ', such as this one,' : ''
  const effect =
    answers === 0
      ? 'answers differ from those with VNNI'
      : changed === 0
        ? `none of ${answers} answers changes`
        : `${changed} of ${answers} answers are others than with VNNI`
  const alike = sqnr === null || (sqnr >= ALIKE_DB && changed === 0)
  return {
    code: 'saturates-elsewhere',
    severity: alike ? 'info' : 'warning',
    message: `On x86 processors without VNNI${where} sums of 8-bit products saturate in ${named.join(', ')}${more}: ${effect} (${sqnr === null ? 'no difference' : `${sqnr.toFixed(1)} dB`} on ${samples} samples).`,
    ...(alike
      ? {}
      : {
          action: `For the same answers everywhere choose seven-bit weights (reduce range)${'format' in options ? ', or the format U8U8' : ''}.`,
        }),
  }
}
