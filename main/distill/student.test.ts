import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import { readModel } from '../onnx/read'
import { makeTensor, tensorDims, tensorValues } from '../onnx/tensor'
import { serialize } from '../onnx/write'
import { toNumbers } from '../runtime/tensor'
import { fixturePath, runModel } from '../structure/testing'
import { makeStudent, studentPreview } from './student'

const digits = join(import.meta.dirname, '../../samples/digits-teacher.onnx')
const teacher = { init: 'teacher', seed: 1 } as const

describe('students', () => {
  it('slims the digits teacher to the size it promised, with its strongest channels', async () => {
    const source = await readModel(digits)
    const preview = await studentPreview(source, { slim: 0.25 })
    const { model, changes } = await makeStudent(source, { slim: 0.25 }, teacher)
    expect(preview.teacher.parameters).toBe(421642)
    expect(preview.student.parameters).toBe(26698)
    expect(preview.student.macs / preview.teacher.macs).toBeLessThan(0.1)
    expect(preview.changes).toEqual(changes)
    expect(changes.widths.map(({ from, to }) => [from, to])).toEqual([
      [32, 8],
      [64, 16],
      [128, 32],
    ])
    expect(model.graph.outputNames).toEqual(source.graph.outputNames)
    const first = changes.widths[0]
    const name = first?.group.replace(/\[0\]$/, '') ?? ''
    const values = (from: typeof model) => {
      const tensor = from.graph.initializer(name)
      return tensor ? toNumbers(tensorValues(tensor, null)) : []
    }
    const [all, own] = [values(source), values(model)]
    const size = all.length / 32
    first?.kept.forEach((channel, i) => {
      expect(own.slice(i * size, (i + 1) * size)).toEqual(all.slice(channel * size, (channel + 1) * size))
    })
  })

  it('gives the same bytes for the same seed, and others for another', async () => {
    const source = await readModel(digits)
    const random = async (seed: number) =>
      Buffer.from(serialize((await makeStudent(source, { slim: 0.25 }, { init: 'random', seed })).model))
    const [one, again, other] = [await random(1), await random(1), await random(2)]
    expect(one.equals(again)).toBe(true)
    expect(one.equals(other)).toBe(false)
  })

  it('draws weights by their fan-in, norms as one and zero', async () => {
    const source = await readModel(fixturePath('mobilenetv3.dynamo.onnx'))
    const { model } = await makeStudent(source, { slim: 0.75 }, { init: 'random', seed: 4 })
    for (const node of model.graph.nodes.filter(n => n.opType === 'Conv')) {
      const tensor = model.graph.initializer(node.input[1] ?? '')
      if (!tensor) throw new Error('A convolution has no weight.')
      const dims = tensorDims(tensor)
      const values = Array.from(toNumbers(tensorValues(tensor, null)))
      const variance = values.reduce((sum, v) => sum + v * v, 0) / values.length
      const expected = 2 / dims.slice(1).reduce((all, d) => all * d, 1)
      if (values.length > 200) expect(variance / expected).toBeCloseTo(1, 0)
      const bias = model.graph.initializer(node.input[2] ?? '')
      if (bias) expect(Math.max(...toNumbers(tensorValues(bias, null)))).toBe(0)
    }
  })

  it.each(['vit.dynamo', 'bert.torchscript', 'resnet.torchscript'])(
    'makes %s shorter and slimmer at once',
    async name => {
      const source = await readModel(fixturePath(`${name}.onnx`))
      const { model, changes, notes } = await makeStudent(source, { slim: 0.5, depth: 1 }, teacher)
      expect(changes.stages.length).toBe(name.startsWith('resnet') ? 3 : 1)
      expect(changes.stages.every(stage => stage.to === 1)).toBe(true)
      expect(changes.widths.length).toBeGreaterThan(2)
      expect(notes.map(note => note.code)).toEqual(expect.arrayContaining(['fewer-blocks', 'fewer-channels']))
      const shapes = new Map(
        name.startsWith('bert')
          ? [
              ['ids', [3, 9]],
              ['mask', [3, 9]],
            ]
          : [['x', [3, 3, 8, 8]]],
      )
      const [output] = Object.values(await runModel(model, shapes))
      expect(output?.dims[0]).toBe(3)
    },
  )

  it('keeps whole heads where their number allows the share, else narrows them', async () => {
    const source = await readModel(fixturePath('vit.dynamo.onnx'))
    const widths = async (slim: number) => {
      const { changes } = await studentPreview(source, { slim })
      return changes.widths.map(({ from, to }) => `${from}→${to}`)
    }
    // Two heads of four: one head, or four channels of each head made three.
    expect((await widths(0.5)).filter(width => width === '2→1')).toHaveLength(3)
    expect((await widths(0.75)).filter(width => width === '4→3')).toHaveLength(3)
  })

  it('says why nothing can be reduced', async () => {
    const weight = makeTensor('w', 'float32', [4, 4], new Float32Array(16).fill(1))
    const single = makeModel({
      nodes: [makeNode('MatMul', ['x', 'w'], ['y'])],
      inputs: [makeValue('x', 'float32', ['n', 4])],
      outputs: [makeValue('y', 'float32', ['n', 4])],
      initializers: [weight],
    })
    await expect(makeStudent(single, { slim: 0.5 }, teacher)).rejects.toMatchObject({
      code: 'unsupported',
      message:
        'No channels of the network can be dropped. w[0]: It reaches the input x. w[1]: It reaches the output y.',
    })
    await expect(makeStudent(single, { depth: 1 }, teacher)).rejects.toMatchObject({
      code: 'unsupported',
      message: 'The network has no blocks that repeat one after the other with the same shapes.',
      action: 'Choose slim.',
    })
    const vit = await readModel(fixturePath('vit.dynamo.onnx'))
    await expect(makeStudent(vit, { depth: 3 }, teacher)).rejects.toMatchObject({
      message: 'No stage has more than 3 repeated blocks: the longest has 3.',
    })
    await expect(makeStudent(vit, { slim: 2 }, teacher)).rejects.toMatchObject({ code: 'bad-option' })
  })
})
