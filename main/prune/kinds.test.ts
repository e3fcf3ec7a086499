import { describe, expect, test } from 'vitest'
import { readModel } from '../onnx/read'
import { findStructure } from '../structure/groups'
import { modelCosts } from '../structure/model-cost'
import { sliceGroups } from '../structure/slice'
import { fixturePath } from '../structure/testing'
import { StructureCost } from './cost'
import { groupKinds } from './kinds'

async function structureOf(name: string) {
  return findStructure(await readModel(fixturePath(name)))
}

describe('what groups are', () => {
  test.each([
    ['resnet.torchscript.onnx', { channels: 9 }],
    ['mobilenetv3.dynamo.onnx', { channels: 14 }],
    ['bert.torchscript.onnx', { embedding: 1, ffn: 4, 'head-width': 6, heads: 3 }],
    ['gpt.dynamo.onnx', { embedding: 1, ffn: 2, 'head-width': 4, heads: 2 }],
    ['vit.torchscript.onnx', { embedding: 1, ffn: 3, 'head-width': 3, heads: 3 }],
    ['lstm.torchscript.onnx', { hidden: 1 }],
    ['lenet.torchscript.onnx', { channels: 2, ffn: 1 }],
  ])('%s', async (name, expected) => {
    const structure = await structureOf(name)
    const kinds = groupKinds(structure)
    const found: Record<string, number> = {}
    for (const { id, declined } of structure.groups) {
      const kind = kinds.get(id) ?? ''
      if (declined.length === 0) found[kind] = (found[kind] ?? 0) + 1
    }
    expect(found).toEqual(expected)
  })
})

describe('what a structure costs at other sizes', () => {
  test.each([
    'resnet.torchscript.onnx',
    'mobilenetv3.dynamo.onnx',
    'bert.dynamo.onnx',
    'lstm.torchscript.onnx',
  ])('%s: as the sliced model is counted', async name => {
    const structure = await structureOf(name)
    const cost = await StructureCost.of(structure)
    const kinds = groupKinds(structure)
    const halved = structure.groups.filter(
      g => g.declined.length === 0 && kinds.get(g.id) !== 'head-width' && g.size > 1,
    )
    const sizes = new Map(halved.map(g => [g.id, Math.ceil(g.size / 2)]))
    const keep = new Map([...sizes].map(([id, n]) => [id, Uint32Array.from({ length: n }, (_, i) => i)]))
    const [before, after] = await modelCosts([structure.model, sliceGroups(structure, keep)])
    expect(cost.whole).toMatchObject({ parameters: before?.parameters, macs: before?.macs })
    const counted = cost.at(sizes)
    expect(counted.parameters).toBe(after?.parameters)
    expect(Math.abs(counted.macs / (after?.macs ?? 0) - 1)).toBeLessThan(0.001)
  })
})
