/** Shapes of a model's values in which as many dimensions as possible are numbers. */
import type { TensorInfo } from '../../shared/tensor'
import { inferTypes } from '../onnx/infer'
import { modelInputs } from '../onnx/inputs'
import type { Model } from '../onnx/model'
import { type Sized, sizeModel } from '../structure/sizes'

/**
 * Every value by name. Exporters compute shapes from shapes, which inference with symbolic sizes cannot follow; so the
 * model is sized twice with numbers, and dimensions that are equal both times are fixed. Others keep their name, or ''.
 * Throws `unsupported` when ONNX Runtime can infer no shapes inside the model.
 */
export async function shapesOf(model: Model): Promise<Map<string, TensorInfo>> {
  const named = await inferTypes(model)
  if (
    [...named.values()].every(settled) &&
    model.graph.nodes.every(n => n.output.every(o => !o || named.has(o)))
  )
    return named
  const { dims, other, types } = await sizeModel(model)
  const symbols = symbolsBySizes(model, dims, other)
  const found = new Map<string, TensorInfo>(named)
  for (const [name, first] of dims) {
    const [second, known] = [other.get(name), named.get(name)?.shape]
    const type = types.get(name)?.type ?? named.get(name)?.type
    if (!second || second.length !== first.length || !type) continue
    const shape = first.map((d, i) =>
      d === second[i]
        ? fixedOr(known?.[i], i, d)
        : symbolOr(known?.[i]) || symbols.get(`${d}/${second[i]}`) || '',
    )
    found.set(name, { name, type, shape })
  }
  return found
}

/** Names of the inputs' dimensions by the two sizes they had; none where two names had the same. */
function symbolsBySizes(model: Model, dims: Sized['dims'], other: Sized['other']): Map<string, string> {
  const symbols = new Map<string, string>()
  for (const { name, shape } of modelInputs(model))
    shape.forEach((symbol, axis) => {
      const key = `${dims.get(name)?.[axis]}/${other.get(name)?.[axis]}`
      if (typeof symbol !== 'string' || symbol === '') return
      symbols.set(key, (symbols.get(key) ?? symbol) === symbol ? symbol : '')
    })
  return symbols
}

function settled({ shape }: TensorInfo): boolean {
  return shape.every((d, axis) => axis === 0 || typeof d === 'number')
}

/** A dimension named by the model stays open on the batch axis even where both sizes tried were one. */
function fixedOr(symbol: number | string | undefined, axis: number, size: number): number | string {
  return axis === 0 && typeof symbol === 'string' && symbol !== '' ? symbol : size
}

function symbolOr(symbol: number | string | undefined): string {
  return typeof symbol === 'string' ? symbol : ''
}
