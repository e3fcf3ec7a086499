/** Whether this processor has ONNX Runtime's kernels for channels in blocks, and how large its blocks are. */
import { BantamError } from '../../shared/errors'
import { makeModel, makeNode, makeValue } from '../onnx/build'
import type { Model } from '../onnx/model'
import { serialize } from '../onnx/write'
import { blockedConv } from '../operators/blocked'
import { Builder, type Value } from '../operators/builder'
import { openSession } from '../runtime/session'
import type { Tensor } from '../runtime/tensor'

/** More channels than any block has. */
const CHANNELS = 32
const SIZE = 4

let known: Promise<number> | undefined

/** Channels in a block; 0 when there are no such kernels, or they do not give what Conv gives. Found out once. */
export function blockSize(): Promise<number> {
  known ??= findBlockSize()
  return known
}

async function findBlockSize(): Promise<number> {
  try {
    const block = await readBlock()
    return block > 1 && (await agrees(block)) ? block : 0
  } catch (error) {
    // Another build of ONNX Runtime may not have the operators.
    if (error instanceof BantamError) return 0
    throw error
  }
}

const shape = [1, CHANNELS, SIZE, SIZE]
const domains = { 'com.microsoft.nchwc': 1 }

function ramp(dims: number[], factor: number): Tensor {
  const data = Float32Array.from(
    { length: dims.reduce((a, b) => a * b, 1) },
    (_, i) => ((i * factor) % 17) - 8,
  )
  return { type: 'float32', dims, data }
}

/** The first values of reordered channels are those of one place in the channels of one block. */
async function readBlock(): Promise<number> {
  const model = makeModel({
    nodes: [makeNode('ReorderInput', ['x'], ['y'], {}, { domain: 'com.microsoft.nchwc' })],
    inputs: [makeValue('x', 'float32', shape)],
    outputs: [makeValue('y', 'float32', null)],
    domains,
  })
  const place = SIZE * SIZE
  const data = Float32Array.from({ length: CHANNELS * place }, (_, i) => i)
  const { y } = await runOnce(model, { x: { type: 'float32', dims: shape, data } })
  const values = (y?.data ?? []) as Float32Array
  const block = values.findIndex((v, i) => v !== i * place)
  return block < 0 ? CHANNELS : block
}

async function agrees(block: number): Promise<boolean> {
  const filter = [CHANNELS, CHANNELS, 3, 3]
  const model = makeModel({
    nodes: [makeNode('Conv', ['x', 'w'], ['plain'], { pads: [1n, 1n, 1n, 1n] })],
    inputs: [makeValue('x', 'float32', shape), makeValue('w', 'float32', filter)],
    outputs: [makeValue('plain', 'float32', null)],
    domains,
  })
  const m = new Builder(model.graph, model.opset(), 'grad', block)
  const input = (name: string, dims: number[]): Value => ({ name, type: 'float32', shape: dims })
  const geometry = { kernel: [3, 3], strides: [1, 1], dilations: [1, 1], pads: [1, 1, 1, 1] }
  const y = blockedConv(m, input('x', shape), input('w', filter), shape, geometry)
  if (!y) return false
  model.graph.proto.output.push(makeValue(y.name, 'float32', null))
  const out = await runOnce(model, { x: ramp(shape, 7), w: ramp(filter, 5) })
  const [a, b] = [out.plain, out[y.name]].map(t => (t?.data ?? []) as Float32Array)
  return Boolean(a?.length && b) && (a ?? []).every((v, i) => Math.abs(v - (b?.[i] ?? Number.NaN)) < 0.01)
}

async function runOnce(model: Model, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const session = await openSession(serialize(model), { threads: 1 })
  try {
    return await session.run(feeds)
  } finally {
    await session.close()
  }
}
