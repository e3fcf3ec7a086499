/**
 * Half precision: weights and arithmetic in float16, or weights stored in bfloat16; inputs and outputs of the model as
 * they were. Nodes that must or should stay in float32 (operators without a float16 form, subgraphs, constants beyond
 * its range, nodes a person excluded, nodes that cost too much of the answers) keep the float32 names, so subgraphs that
 * take values from outside go on working untouched.
 */
import type { Model } from '../onnx/model'
import type { Technique } from '../technique'
import { adviseHalf } from './advice'
import { editableCopy } from './copy'
import { writeBfloat } from './half/bfloat'
import { HalfDecisions, HalfOptions } from './half/options'
import { planHalf } from './half/plan'
import { writeHalf } from './half/write'
import { prepared } from './prepare'
import { elementTypes } from './types'

export const float16: Technique<typeof HalfOptions> = {
  id: 'quantize.float16',
  title: 'float16',
  summary:
    'Weights and arithmetic in half precision: half the size and practically the same answers. Fast on GPUs, not on CPUs.',
  reference: 'Micikevicius et al., Mixed Precision Training, ICLR 2018 (arXiv:1710.03740)',
  needs: 'nothing',
  options: HalfOptions,
  advise: about => adviseHalf(about),
  plan: planHalf,
  async apply(model, plan): Promise<Model> {
    const simplified = (await prepared(model)).model
    const copy = editableCopy(simplified)
    const { type, nodes } = HalfDecisions.parse(plan.decisions)
    if (type === 'bfloat16') writeBfloat(copy, new Set(nodes))
    else writeHalf(copy, await elementTypes(simplified), new Set(nodes))
    return copy
  },
}
