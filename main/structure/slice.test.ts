import { describe, expect, it } from 'vitest'
import { Random } from '../data/random'
import { checkModel } from '../onnx/check'
import { readModel } from '../onnx/read'
import { tensorDims } from '../onnx/tensor'
import { findStructure, type Structure } from './groups'
import { sliceGroups } from './slice'
import { difference, FIXTURES, fixturePath, idle, runModel } from './testing'

/** Half of the channels of every group that may be reduced; `exact` leaves those out that something counts. */
function halves({ groups }: Structure, exact: boolean): Map<string, Uint32Array> {
  const random = new Random(3)
  return new Map(
    groups
      .filter(group => group.declined.length === 0 && (!exact || group.counted.length === 0))
      .map(group => {
        const all = Uint32Array.from({ length: group.size }, (_, i) => i)
        return [
          group.id,
          random
            .shuffle(all)
            .slice(0, Math.ceil(group.size / 2))
            .sort(),
        ]
      }),
  )
}

describe('cutting channels', () => {
  it.each(FIXTURES)('changes no output of %s when what it cuts does nothing', async name => {
    const structure = await findStructure(await readModel(fixturePath(name)))
    const keep = halves(structure, true)
    expect(keep.size).toBeGreaterThan(0)
    const zeroed = idle(structure, keep)
    const small = sliceGroups(zeroed, keep)
    checkModel(small)
    const before = await runModel(zeroed.model, structure.sized.inputs)
    expect(difference(before, await runModel(small, structure.sized.inputs))).toBeLessThan(1e-5)
    expect(parameters(small)).toBeLessThan(parameters(structure.model))
  })

  it.each(FIXTURES)('runs %s with half of all its channels at other sizes too', async name => {
    const source = await readModel(fixturePath(name))
    const structure = await findStructure(source)
    const small = sliceGroups(structure, halves(structure, false))
    const { other } = structure.sized
    const outputs = await runModel(small, other)
    for (const [output, tensor] of Object.entries(outputs)) expect(tensor.dims).toEqual(other.get(output))
    expect(small.graph.outputNames).toEqual(source.graph.outputNames)
    expect(small.graph.inputNames).toEqual(source.graph.inputNames)
    expect(parameters(small) / parameters(structure.model)).toBeLessThan(0.7)
  })

  it('sets the groups of depthwise convolutions and leaves the given model alone', async () => {
    const structure = await findStructure(await readModel(fixturePath('mobilenetv3.dynamo.onnx')))
    const group = (model: typeof structure.model) =>
      model.graph.nodes
        .filter(node => node.opType === 'Conv')
        .map(node => Number(node.attribute.find(a => a.name === 'group')?.i ?? 1n))
        .filter(count => count > 1)
    const before = group(structure.model)
    const after = group(sliceGroups(structure, halves(structure, false)))
    expect(after).toEqual(before.map(count => count / 2))
    expect(group(structure.model)).toEqual(before)
  })

  it('refuses groups that are not there or may not be reduced, and lists of channels that are none', async () => {
    const structure = await findStructure(await readModel(fixturePath('lenet.torchscript.onnx')))
    const cut = (id: string, keep: number[]) => () =>
      sliceGroups(structure, new Map([[id, Uint32Array.from(keep)]]))
    expect(cut('nothing[0]', [0])).toThrow('There is no group of channels nothing[0].')
    expect(cut('f2.weight[0]', [0])).toThrow(
      'The channels of f2.weight[0] cannot be reduced: It reaches the output y.',
    )
    const message = 'The channels to keep of c1.weight[0] must be ascending numbers below 6, at least one.'
    for (const bad of [[], [6], [1, 1], [2, 1]]) expect(cut('c1.weight[0]', bad)).toThrow(message)
  })
})

function parameters({ graph }: Structure['model']): number {
  const float = [...graph.initializers()].filter(tensor => tensor.dataType === 1)
  return float.reduce((sum, tensor) => sum + tensorDims(tensor).reduce((all, d) => all * d, 1), 0)
}
