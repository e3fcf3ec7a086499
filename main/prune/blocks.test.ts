import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { PruneBlocksOptions, PruneDecisions } from '../../shared/prune'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { checkModel } from '../onnx/check'
import type { Model } from '../onnx/model'
import { readModel } from '../onnx/read'
import { makeTensor } from '../onnx/tensor'
import { serialize } from '../onnx/write'
import { modelCosts } from '../structure/model-cost'
import { fixturePath } from '../structure/testing'
import { spiral, trainingContext } from '../training/testing'
import { inspectProblem } from '../training/testing-errors'
import { pruneBlocks } from './blocks'

let run: ReturnType<typeof trainingContext>
beforeEach(() => {
  run = trainingContext()
})
afterEach(() => run.clean())

const dataset = spiral(60)
const calibration = { dataset, indices: dataset.indices('all') }

async function pruned(model: Model, o: Partial<PruneBlocksOptions>, data = true) {
  const options = PruneBlocksOptions.parse(o)
  const input = { model, seed: 0, threads: 1, ...(data ? { calibration } : {}) }
  const plan = await pruneBlocks.plan(input, options, run.context)
  return { plan, decisions: PruneDecisions.parse(plan.decisions), made: await pruneBlocks.apply(model, plan) }
}

/** Residual blocks x + W·relu(x) of the given strength. */
function residual(strengths: readonly number[]): Model {
  return makeModel({
    nodes: strengths
      .flatMap((_, i) => {
        const from = i === 0 ? 'h' : `b${i - 1}`
        return [
          makeNode('Relu', [from], [`r${i}`], {}, { name: `relu${i}` }),
          makeNode('MatMul', [`r${i}`, `w${i}`], [`m${i}`], {}, { name: `dense${i}` }),
          makeNode('Add', [from, `m${i}`], [`b${i}`], {}, { name: `block${i}` }),
        ]
      })
      .concat([makeNode('MatMul', [`b${strengths.length - 1}`, 'head'], ['y'], {}, { name: 'head' })])
      .toSpliced(0, 0, makeNode('MatMul', ['x', 'stem'], ['h'], {}, { name: 'stem' })),
    inputs: [makeValue('x', 'float32', ['n', 2])],
    outputs: [makeValue('y', 'float32', ['n', 3])],
    initializers: [
      makeTensor('stem', 'float32', [2, 4], [1, 0, -1, 0.5, 0, 1, 0.5, -1]),
      makeTensor(
        'head',
        'float32',
        [4, 3],
        Array.from({ length: 12 }, (_, i) => ((i * 5) % 7) - 3),
      ),
      ...strengths.map((s, i) =>
        makeTensor(
          `w${i}`,
          'float32',
          [4, 4],
          Array.from({ length: 16 }, (_, k) => s * (((k * 7) % 5) - 2)),
        ),
      ),
    ],
  })
}

describe('pruning of blocks', () => {
  it('keeps blocks evenly, loses what the plan says, and gives the same bytes again', async () => {
    const model = await readModel(fixturePath('vit.dynamo.onnx'))
    const { plan, decisions, made } = await pruned(model, { amount: 0.5 }, false)
    expect(decisions.changes).toMatchObject([{ kind: 'blocks', from: 3, to: 2 }])
    checkModel(made)
    const [after] = await modelCosts([made])
    expect(decisions.after).toMatchObject({ parameters: after?.parameters, macs: after?.macs })
    expect(decisions.after.macs).toBeLessThan(decisions.before.macs)
    expect(serialize(await pruneBlocks.apply(model, plan))).toEqual(serialize(made))
  })

  it('takes the blocks that change least what passes through them, or that cost least', async () => {
    const model = residual([0.6, 0.001, 0.6, 0.4])
    for (const importance of ['similarity', 'measured'] as const) {
      const { decisions } = await pruned(model, { amount: 0.2, importance })
      expect(decisions.changes.flatMap(c => c.nodes)).toEqual(['Add block1'])
    }
  })

  it('meets a share of the operations as whole blocks allow', async () => {
    const { decisions } = await pruned(residual([1, 1, 1, 1]), { amount: 0.4, target: 'macs' })
    expect(decisions.changes[0]).toMatchObject({ from: 4, to: 2 })
  })

  it('leaves alone what is excluded, and refuses what has no blocks or too much', async () => {
    const problem = async (model: Model, o: Partial<PruneBlocksOptions>, data = true) => {
      const { code, message } = await inspectProblem(pruned(model, o, data))
      return `${code}: ${message}`
    }
    const { decisions } = await pruned(residual([1, 1, 1]), { amount: 0.9, exclude: ['Add block1'] })
    expect(decisions.changes.flatMap(c => c.nodes)).not.toContain('Add block1')
    const lenet = await readModel(fixturePath('lenet.torchscript.onnx'))
    expect(await problem(lenet, {})).toMatch(/^unsupported: The network has no blocks/)
    expect(await problem(residual([1, 1, 1]), { amount: 0.95, target: 'macs' })).toMatch(
      /^bad-option: At most/,
    )
    expect(await problem(residual([1, 1]), { importance: 'similarity' }, false)).toMatch(/^bad-data/)
  })
})
