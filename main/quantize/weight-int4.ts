/**
 * Weight-only int4: the weights of dense layers (MatMul, Gemm) are stored as 4-bit codes in blocks along K, each with a
 * scale and, unless symmetric, a zero point. Activations stay in float32.
 */
import type { Technique } from '../technique'
import { adviseBlocks } from './blocks/advice'
import { Int4Options, looksAtSamples } from './blocks/options'
import { applyBlocks, planBlocks } from './blocks/plan'

export const weightInt4: Technique<typeof Int4Options> = {
  id: 'quantize.weight-int4',
  title: 'Weight-only int4',
  summary:
    'Weights of dense layers (MatMul, Gemm) are stored as 4-bit integers in blocks: about a sixth of their size. Activations stay in float.',
  reference:
    'Frantar et al., GPTQ, 2023 (arXiv:2210.17323); Lin et al., AWQ, 2024 (arXiv:2306.00978); Badri and Shaji, Half-Quadratic Quantization, 2023 (mobiusml.github.io/hqq_blog); ONNX Runtime, MatMulNBits',
  needs: 'nothing',
  options: Int4Options,
  advise: (about, options) => adviseBlocks(about, options, 4),
  learns: looksAtSamples,
  async plan(input, options, context) {
    const { decisions, notes } = await planBlocks(4, input, options, context)
    const { id: technique } = weightInt4
    return { technique, version: 1, seed: input.seed, options: { ...options }, decisions, notes }
  },
  apply: applyBlocks,
}
