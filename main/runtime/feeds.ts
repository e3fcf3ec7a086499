/** What may be fed to a model and fetched from it, checked before ONNX Runtime sees it. */
import type { TensorInfo } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { elementCount, type Tensor } from './tensor'

/**
 * Throws `bad-data` naming the input that is missing, of another type, or of a shape the model does not take;
 * `unsupported` for inputs that are not tensors. A shape of [] in `inputs` may mean "unknown" and is not checked.
 */
export function checkFeeds(inputs: readonly TensorInfo[], feeds: Readonly<Record<string, Tensor>>): void {
  for (const input of inputs) {
    if (input.type === 'sequence') {
      throw new BantamError(
        'unsupported',
        `Input ${input.name} is not a tensor but a sequence, map or optional value.`,
        {
          where: input.name,
        },
      )
    }
    const tensor = feeds[input.name]
    if (!tensor) {
      const given = Object.keys(feeds)
      throw new BantamError('bad-data', `The model needs an input ${input.name}, which was not given.`, {
        where: input.name,
        action: given.length > 0 ? `Given: ${given.join(', ')}.` : 'No inputs were given.',
      })
    }
    checkTensor(`Input ${input.name}`, input, tensor)
  }
}

/** `what` names it in messages: `Input x`. */
function checkTensor(what: string, { name, type, shape }: TensorInfo, tensor: Tensor): void {
  const refuse = (message: string) => new BantamError('bad-data', message, { where: name })
  if (tensor.type !== type) throw refuse(`${what} must be ${type}, not ${tensor.type}.`)
  const count = elementCount(tensor.dims)
  if (tensor.data.length !== count) {
    throw refuse(
      `${what} has ${tensor.data.length} values, but its shape ${shapeText(tensor.dims)} needs ${count}.`,
    )
  }
  const rankFits = shape.length === 0 || shape.length === tensor.dims.length
  if (!rankFits || shape.some((d, axis) => typeof d === 'number' && d >= 0 && d !== tensor.dims[axis])) {
    throw refuse(`${what} must have shape ${shapeText(shape)}, not ${shapeText(tensor.dims)}.`)
  }
}

/** Throws `not-found` for an output the model does not have, `unsupported` for one that cannot be read. */
export function checkFetches(outputs: readonly TensorInfo[], fetches: readonly string[]): void {
  if (fetches.length === 0) {
    throw new BantamError(
      'unsupported',
      'The model has no tensor output: its outputs are sequences, maps or optional values.',
    )
  }
  for (const name of fetches) {
    const output = outputs.find(o => o.name === name)
    if (!output) {
      throw new BantamError('not-found', `The model has no output ${name}.`, {
        where: name,
        action: `It has: ${outputs.map(o => o.name).join(', ')}.`,
      })
    }
    // Reading a 4-bit output aborts the whole process (onnxruntime-node 1.30); a sequence throws without a reason.
    if (output.type === 'int4' || output.type === 'uint4' || output.type === 'sequence') {
      throw new BantamError(
        'unsupported',
        `Output ${name} is of type ${output.type}, which cannot be read here.`,
        {
          where: name,
        },
      )
    }
  }
}

/** Throws `bad-data` when an output cannot be written into `place`. The output must exist. */
export function checkPlace(outputs: readonly TensorInfo[], name: string, place: Tensor): void {
  const output = outputs.find(o => o.name === name)
  if (output) checkTensor(`Output ${name}`, output, place)
}

/** `[N, 3, 224, 224]`; an unknown dimension is written `?`. */
export function shapeText(shape: readonly (number | string)[]): string {
  return `[${shape.map(d => (d === '' ? '?' : d)).join(', ')}]`
}
