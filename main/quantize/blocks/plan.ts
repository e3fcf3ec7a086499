/** Planning and applying weights in blocks, for the techniques of 4 and of 8 bits. */
import type { Note, Plan } from '../../../shared/domain'
import { BantamError } from '../../../shared/errors'
import { breathe, type TaskContext } from '../../jobs/context'
import { inferTypes } from '../../onnx/infer'
import type { Model } from '../../onnx/model'
import type { ApplyInput, PlanInput } from '../../technique'
import { splitOf } from '../../training/decisions'
import { processor } from '../../training/machine'
import { editableCopy } from '../copy'
import { nodesNamed } from '../names'
import { prepared } from '../prepare'
import { opsetObstacles } from '../upgrade'
import { embeddingTables, writeTables } from './embedding-tables'
import type { Bits } from './grid'
import { samplesFor, writeLearnt } from './learn'
import { BlockDecisions, bitsPerWeight, fractionObstacle, type Int4Options, looksAtSamples } from './options'
import { denseLayers } from './select'
import { BlockWriter } from './write'

/** DequantizeLinear has blocks and 4-bit codes since. */
const OPSET_OF_BLOCKS = 21
/** Operators that only a quantized model has. */
const QUANTIZED =
  /^(MatMulNBits|GatherBlockQuantized|DequantizeLinear|QLinear\w+|QGemm|MatMulInteger|ConvInteger)$/

/**
 * Chooses layers and tables. Throws `bad-option` for options that do not go together, `bad-data` without samples where
 * some are looked at, `unsupported` when nothing can be stored.
 */
export async function planBlocks(
  bits: Bits,
  input: PlanInput,
  options: Int4Options,
  context: TaskContext,
): Promise<{ decisions: BlockDecisions; notes: Note[] }> {
  const { model, notes } = await prepared(input.model)
  const { form, group, symmetric, rounding, fractional, arithmetic, least } = options
  const obstacle = fractionObstacle(options)
  if (obstacle) {
    throw new BantamError('bad-option', `Zero points cannot be fractions here: ${obstacle}.`, {
      where: 'fractional',
      action: 'They are for hqq in the form nbits, without symmetric.',
    })
  }
  const learnt = looksAtSamples(options) ? learntFrom(input, options) : {}
  context.progress(0.2, 'Choosing layers')
  const exclude = nodesNamed(model.graph, options.exclude)
  const about = { form, bits, group, least, exclude }
  const chosen = denseLayers(model, await inferTypes(model), { ...about, embeddings: options.embeddings })
  const tables = options.embeddings ? embeddingTables(model, about) : { tables: [], notes: [] }
  await breathe(context)
  const { layers } = chosen
  const reasons = [...chosen.notes, ...tables.notes]
  if (layers.length + tables.tables.length === 0) throw nothing(model, bits, reasons[0]?.message, least)
  notes.push(...reasons)
  const opset = form === 'nbits' ? model.opset() : opsetOfBlocks(model)
  if (opset > model.opset()) {
    notes.push({
      code: 'opset-raised',
      severity: 'info',
      message: `The operator set is raised from ${model.opset()} to ${opset}, which DequantizeLinear needs for blocks${bits === 4 ? ' of 4-bit codes' : ''}.`,
    })
  }
  notes.push(told(bits, layers.length, tables.tables.length, options))
  const decisions: BlockDecisions = {
    ...{ form, bits, opset, group, symmetric, rounding, fractional, arithmetic },
    scaling: options.scaling,
    clip: options.clip,
    actOrder: options.actOrder,
    sequential: options.sequential,
    damping: options.damping,
    layers,
    tables: tables.tables,
    ...learnt,
  }
  context.progress(1, 'Choosing layers')
  return { decisions, notes }
}

/** Makes the model, from the weights and, where the decisions say so, the samples. */
export async function applyBlocks(model: Model, plan: Plan, run?: ApplyInput): Promise<Model> {
  const decisions = BlockDecisions.parse(plan.decisions)
  const copy = editableCopy((await prepared(model)).model)
  const writer = new BlockWriter(copy, decisions)
  if (!looksAtSamples(decisions)) await writer.writeAll(run?.context)
  else if (run) await writeLearnt(copy, writer, decisions, run, plan.seed)
  else throw new BantamError('internal', 'Samples were to be looked at without data.')
  await writeTables(copy, decisions, run?.context)
  writer.finish()
  return copy
}

/** What applying looks at again. */
function learntFrom(input: PlanInput, options: Int4Options): Partial<BlockDecisions> {
  const samples = input.training ?? input.calibration
  const { indices } = samplesFor(samples, options.samples, input.seed)
  if (!samples) return {}
  return {
    samples: indices.length,
    ...{ data: samples.dataset.summary.spec, from: splitOf(samples) },
    ...{ threads: input.threads, processor: processor() },
  }
}

function told(bits: Bits, layers: number, tables: number, options: Int4Options): Note {
  const parts = [
    ...(layers > 0 ? [`${layers} dense layer${layers === 1 ? '' : 's'}`] : []),
    ...(tables > 0 ? [`${tables} embedding table${tables === 1 ? '' : 's'}`] : []),
  ]
  const each = Number(bitsPerWeight(options, bits).toFixed(2))
  return {
    code: 'quantized',
    severity: 'info',
    message: `The weights of ${parts.join(' and ')} are stored in ${bits} bits, ${each} with scales.`,
  }
}

function nothing(model: Model, bits: Bits, why: string | undefined, least: number): BantamError {
  const quantized = model.graph.nodes.find(node => QUANTIZED.test(node.opType))
  return new BantamError('unsupported', `No dense layer of this model can be stored in ${bits} bits.`, {
    action: quantized
      ? `It is already quantized: it holds ${quantized.opType}. Start from the float model.`
      : (why ?? `It has no MatMul or Gemm with a constant float32 matrix of ${least} values or more.`),
  })
}

function opsetOfBlocks(model: Model): number {
  const opset = model.opset()
  if (opset >= OPSET_OF_BLOCKS) return opset
  const [obstacle] = opsetObstacles(model, OPSET_OF_BLOCKS)
  if (!obstacle) return OPSET_OF_BLOCKS
  throw new BantamError(
    'unsupported',
    `Blocks in DequantizeLinear need opset ${OPSET_OF_BLOCKS}; this model has ${opset}.`,
    { where: 'form', action: `It cannot be raised: ${obstacle}. Choose the form nbits.` },
  )
}
