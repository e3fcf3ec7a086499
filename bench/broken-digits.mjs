/**
 * The sample's digits teacher with the same answers in float and bad ones in int8 with one scale per tensor: a fifth of
 * the channels between the two convolutions (op Conv), or the two dense layers (Gemm), are made 100 to 1000 times larger
 * and their readers as much smaller, as batch normalization leaves them in real networks. `load` is that of engine.mjs.
 * Writes the model to `path`.
 */
import { join } from 'node:path'
import { root } from './engine.mjs'

export const teacher = join(root, 'samples/digits-teacher.onnx')

export async function breakDigits(load, seed, path, op = 'Conv') {
  const names = ['read', 'write', 'tensor']
  const [{ readModel }, { writeModel }, { makeTensor, tensorDims, tensorValues }] = await Promise.all(
    names.map(name => load(`main/onnx/${name}`)),
  )
  const model = await readModel(teacher)
  // Weights of both are [out, in, …]: the dense layers' are transposed.
  const [first, second] = model.graph.topological().filter(node => node.opType === op)
  const scale = (name, axis, factors) => {
    const tensor = model.graph.initializer(name)
    const dims = tensorDims(tensor)
    const inner = dims.slice(axis + 1).reduce((a, b) => a * b, 1)
    const { data } = tensorValues(tensor, model.directory)
    const scaled = data.map((v, i) => v * factors[Math.floor(i / inner) % dims[axis]])
    model.graph.setInitializer(makeTensor(name, 'float32', dims, scaled))
  }
  const next = random(seed)
  const channels = tensorDims(model.graph.initializer(first.input[1]))[0]
  const factors = Array.from({ length: channels }, (_, c) => (c % 5 === seed % 5 ? 100 * 10 ** next() : 1))
  scale(first.input[1], 0, factors)
  scale(first.input[2], 0, factors)
  scale(
    second.input[1],
    1,
    factors.map(f => 1 / f),
  )
  await writeModel(model, path)
}

/** Numbers from 0 to 1, the same on every machine. */
function random(seed) {
  let state = (seed * 2654435761 + 1) >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
