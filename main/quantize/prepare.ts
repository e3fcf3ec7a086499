/** What every quantization does first: simplify the model, so that BatchNorm sits in the convolutions. */
import type { Note } from '../../shared/domain'
import type { Model } from '../onnx/model'
import { simplify } from '../onnx/simplify'

const known = new WeakMap<Model, ReturnType<typeof simplify>>()

/** The simplified model and what was folded. Planning and applying the same model simplify it once. */
export async function prepared(model: Model): Promise<{ model: Model; notes: Note[] }> {
  let simplified = known.get(model)
  if (!simplified) {
    simplified = simplify(model)
    known.set(model, simplified)
  }
  const result = await simplified
  return { model: result.model, notes: [...result.notes] }
}
