import { describe, expect, it } from 'vitest'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { checkModel } from '../onnx/check'
import { readModel } from '../onnx/read'
import { makeTensor } from '../onnx/tensor'
import { dropBlocks, evenly, findStages } from './blocks'
import { findStructure } from './groups'
import { difference, fixturePath, runModel } from './testing'

async function stagesOf(name: string) {
  const structure = await findStructure(await readModel(fixturePath(name)))
  return { structure, stages: findStages(structure) }
}

describe('repeated blocks', () => {
  it.each(['vit.torchscript', 'vit.dynamo', 'bert.torchscript', 'bert.dynamo'])(
    'finds the three layers of %s',
    async name => {
      const { structure, stages } = await stagesOf(`${name}.onnx`)
      expect(stages.map(stage => stage.blocks.map(block => block.removable))).toEqual([[true, true, true]])
      const blocks = stages[0]?.blocks ?? []
      expect(blocks.slice(1).map(block => block.input)).toEqual(
        blocks.slice(0, -1).map(block => block.output),
      )
      const short = await dropBlocks(structure.model, blocks.slice(1))
      checkModel(short)
      const outputs = await runModel(short, structure.sized.inputs)
      for (const [output, { dims }] of Object.entries(outputs))
        expect(dims).toEqual(structure.sized.dims.get(output))
      const softmaxes = (model: typeof short) =>
        model.graph.nodes.filter(node => node.opType === 'Softmax').length
      expect([softmaxes(structure.model), softmaxes(short)]).toEqual([3, 1])
    },
  )

  it('counts the block that opens a stage of a ResNet, and keeps it', async () => {
    const { stages } = await stagesOf('resnet.torchscript.onnx')
    expect(stages.map(stage => stage.blocks.map(block => block.removable))).toEqual([
      [true, true],
      [false, true],
      [false, true],
    ])
  })

  it('finds none where values skip over everything', async () => {
    for (const name of ['unet.torchscript.onnx', 'densenet.dynamo.onnx', 'lstm.dynamo.onnx'])
      expect((await stagesOf(name)).stages).toEqual([])
  })

  it('tells blocks apart by attributes and constants, not by names or weights', async () => {
    const chain = (slopes: number[]) =>
      makeModel({
        nodes: slopes.flatMap((alpha, i) => [
          makeNode('MatMul', [i === 0 ? 'x' : `b${i - 1}`, `w${i}`], [`a${i}`]),
          makeNode('LeakyRelu', [`a${i}`], [`b${i}`], { alpha }),
        ]),
        inputs: [makeValue('x', 'float32', ['n', 4])],
        outputs: [makeValue(`b${slopes.length - 1}`, 'float32', ['n', 4])],
        initializers: slopes.map((_, i) =>
          makeTensor(`w${i}`, 'float32', [4, 4], new Float32Array(16).fill(i)),
        ),
      })
    const lengths = async (slopes: number[]) =>
      findStages(await findStructure(chain(slopes))).map(stage => stage.blocks.length)
    expect(await lengths([0.1, 0.1, 0.1, 0.1])).toEqual([3])
    expect(await lengths([0.1, 0.2, 0.1, 0.2, 0.1])).toEqual([2])
    expect(await lengths([0.1, 0.2, 0.3])).toEqual([])
  })

  it('changes nothing by taking out a block that adds nothing', async () => {
    const weights = (fill: number) => Float32Array.from({ length: 16 }, (_, i) => fill * Math.cos(i + fill))
    const model = makeModel({
      nodes: [0, 1, 2].flatMap(i => [
        makeNode('MatMul', [i === 0 ? 'x' : `c${i - 1}`, `w${i}`], [`a${i}`]),
        makeNode('Add', [i === 0 ? 'x' : `c${i - 1}`, `a${i}`], [`b${i}`]),
        makeNode('Relu', [`b${i}`], [`c${i}`]),
      ]),
      inputs: [makeValue('x', 'float32', [2, 4])],
      outputs: [makeValue('c2', 'float32', [2, 4])],
      initializers: [1, 0, 2].map((fill, i) => makeTensor(`w${i}`, 'float32', [4, 4], weights(fill))),
    })
    const structure = await findStructure(model)
    const [stage] = findStages(structure)
    const silent = stage?.blocks.filter(block => ['c1', 'b1'].includes(block.output)) ?? []
    expect(silent.map(block => block.removable)).toEqual([true])
    const short = await dropBlocks(structure.model, silent)
    expect(short.graph.nodes.length).toBe(6)
    const shapes = new Map([['x', [2, 4]]])
    expect(difference(await runModel(model, shapes), await runModel(short, shapes))).toBe(0)
  })

  it('keeps blocks evenly, the first and the last among them', () => {
    expect(evenly(12, 6)).toEqual([0, 2, 4, 7, 9, 11])
    expect(evenly(5, 3)).toEqual([0, 2, 4])
    expect(evenly(4, 1)).toEqual([0])
    expect(evenly(2, 5)).toEqual([0, 1])
  })
})
