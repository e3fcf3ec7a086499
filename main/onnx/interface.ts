/** What a model takes and gives: whether one can stand in for another. */
import { BantamError } from '../../shared/errors'
import type { TensorInfo } from '../../shared/tensor'
import { valueTensorInfo } from './infer'
import { modelInputs } from './inputs'
import type { Model } from './model'
import { dataTypeName } from './tensor'

export interface Interface {
  inputs: readonly TensorInfo[]
  outputs: readonly TensorInfo[]
}

const STUDENT = {
  name: 'The student',
  where: 'student',
  action: 'Choose another model, or one made from the teacher, such as slim:0.5.',
}

/**
 * Throws `bad-option`, listing both sides, when a student does not take and give what its teacher does: the same names
 * and types, and shapes that can be equal (a symbolic dimension fits any number).
 */
export function requireSameInterface(teacher: Interface, student: Interface, who = STUDENT): void {
  if (alike(teacher.inputs, student.inputs) && alike(teacher.outputs, student.outputs)) return
  throw new BantamError(
    'bad-option',
    `${who.name} ${says(student)}; the teacher ${says(teacher)}. Both must take and give the same.`,
    { where: who.where, action: who.action },
  )
}

/** As `requireSameInterface`, of models whose files were not inspected: what they declare counts. */
export function refuseOtherInterface(teacher: Model, student: Model): void {
  requireSameInterface(declared(teacher), declared(student))
}

function declared(model: Model): Interface {
  const outputs = model.graph.proto.output.map(value => {
    const type = value.type?.value
    const bare = type?.case === 'tensorType' ? dataTypeName(type.value.elemType) : 'sequence'
    return valueTensorInfo(value) ?? { name: value.name, type: bare, shape: [] }
  })
  return { inputs: modelInputs(model), outputs }
}

function alike(some: readonly TensorInfo[], others: readonly TensorInfo[]): boolean {
  return (
    some.length === others.length &&
    some.every(one => {
      const other = others.find(o => o.name === one.name)
      return other !== undefined && other.type === one.type && fits(one.shape, other.shape)
    })
  )
}

/** An unknown rank, written as no dimensions, fits any. */
function fits(a: TensorInfo['shape'], b: TensorInfo['shape']): boolean {
  return (
    a.length === 0 ||
    b.length === 0 ||
    (a.length === b.length &&
      a.every((d, i) => typeof d === 'string' || typeof b[i] === 'string' || d === b[i]))
  )
}

function says({ inputs, outputs }: Interface): string {
  return `takes ${list(inputs)} and gives ${list(outputs)}`
}

/** x float32 [batch, 3, 32, 32], … */
function list(values: readonly TensorInfo[]): string {
  return values
    .map(({ name, type, shape }) => `${name} ${type} [${shape.map(d => d || '?').join(', ')}]`)
    .join(', ')
}
