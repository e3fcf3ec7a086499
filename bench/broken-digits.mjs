/**
 * The sample's digits teacher with the same answers in float and bad ones in int8 with one scale per tensor: a fifth of
 * the channels between the two convolutions (op Conv), or the two dense layers (Gemm), are made 100 to 1000 times larger
 * and their readers as much smaller, as batch normalization leaves them in real networks. `load` is that of engine.mjs.
 * Writes the model to `path`.
 */
import { join } from 'node:path'
import { firstDimension, random, scaler } from './bantam.mjs'
import { root } from './engine.mjs'

export const teacher = join(root, 'samples/digits-teacher.onnx')

export async function breakDigits(load, seed, path, op = 'Conv') {
  const names = ['read', 'write']
  const [{ readModel }, { writeModel }] = await Promise.all(names.map(name => load(`main/onnx/${name}`)))
  const scale = await scaler(load)
  const model = await readModel(teacher)
  // Weights of both are [out, in, …]: the dense layers' are transposed.
  const [first, second] = model.graph.topological().filter(node => node.opType === op)
  const next = random(seed)
  const channels = firstDimension(model, first.input[1])
  const factors = Array.from({ length: channels }, (_, c) => (c % 5 === seed % 5 ? 100 * 10 ** next() : 1))
  scale(model, first.input[1], 0, factors)
  scale(model, first.input[2], 0, factors)
  scale(
    model,
    second.input[1],
    1,
    factors.map(f => 1 / f),
  )
  await writeModel(model, path)
}
