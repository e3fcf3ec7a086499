/**
 * Weight-only int4: the weights of dense layers (MatMul, Gemm) are stored as 4-bit codes in blocks along K, each with a
 * scale and, unless symmetric, a zero point. Activations stay in float32.
 */
import type { Plan } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { breathe, type TaskContext } from '../jobs/context'
import { inferTypes } from '../onnx/infer'
import type { Model } from '../onnx/model'
import type { PlanInput, Technique } from '../technique'
import { editableCopy } from './copy'
import { adviseInt4 } from './int4-advice'
import { bitsPerWeight, fractionObstacle, Int4Decisions, Int4Options } from './int4-options'
import { denseLayers } from './int4-select'
import { Int4Writer } from './int4-write'
import { nodesNamed } from './names'
import { prepared } from './prepare'
import { opsetObstacles } from './upgrade'

/** DequantizeLinear has blocks and 4-bit codes since. */
const OPSET_OF_BLOCKS = 21
/** Operators that only a quantized model has. */
const QUANTIZED = /^(MatMulNBits|DequantizeLinear|QLinear\w+|QGemm|MatMulInteger|ConvInteger)$/

export const weightInt4: Technique<typeof Int4Options> = {
  id: 'quantize.weight-int4',
  title: 'Weight-only int4',
  summary:
    'Weights of dense layers (MatMul, Gemm) are stored as 4-bit integers in blocks: about a sixth of their size. Activations stay in float.',
  reference:
    'Badri and Shaji, Half-Quadratic Quantization of Large Machine Learning Models, 2023 (mobiusml.github.io/hqq_blog); ONNX Runtime, MatMulNBits',
  needs: 'nothing',
  options: Int4Options,
  advise: adviseInt4,
  plan: planInt4,
  async apply(model, plan, run): Promise<Model> {
    const copy = editableCopy((await prepared(model)).model)
    await new Int4Writer(copy, Int4Decisions.parse(plan.decisions)).write(run?.context)
    return copy
  },
}

async function planInt4(input: PlanInput, options: Int4Options, context: TaskContext): Promise<Plan> {
  const { model, notes } = await prepared(input.model)
  const { form, group, symmetric, rounding, fractional, arithmetic, least } = options
  const obstacle = fractionObstacle(options)
  if (obstacle) {
    throw new BantamError('bad-option', `Zero points cannot be fractions here: ${obstacle}.`, {
      where: 'fractional',
      action: 'They are for hqq in the form nbits, without symmetric.',
    })
  }
  context.progress(0.2, 'Choosing layers')
  const exclude = nodesNamed(model.graph, options.exclude)
  const chosen = denseLayers(model, await inferTypes(model), { form, group, least, exclude })
  await breathe(context)
  const { layers } = chosen
  if (layers.length === 0) throw nothing(model, chosen.notes[0]?.message, least)
  notes.push(...chosen.notes)
  const opset = form === 'nbits' ? model.opset() : opsetOfBlocks(model)
  if (opset > model.opset()) {
    notes.push({
      code: 'opset-raised',
      severity: 'info',
      message: `The operator set is raised from ${model.opset()} to ${opset}, which DequantizeLinear needs for blocks of 4-bit codes.`,
    })
  }
  const bits = Number(bitsPerWeight(options).toFixed(2))
  notes.push({
    code: 'quantized',
    severity: 'info',
    message: `The weights of ${layers.length} dense layer${layers.length === 1 ? ' are' : 's are'} stored in 4 bits, ${bits} with scales.`,
  })
  const decisions: Int4Decisions = { form, opset, group, symmetric, rounding, fractional, arithmetic, layers }
  context.progress(1, 'Choosing layers')
  return { technique: weightInt4.id, version: 1, seed: input.seed, options: { ...options }, decisions, notes }
}

function nothing(model: Model, why: string | undefined, least: number): BantamError {
  const quantized = model.graph.nodes.find(node => QUANTIZED.test(node.opType))
  return new BantamError('unsupported', 'No dense layer of this model can be stored in 4 bits.', {
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
