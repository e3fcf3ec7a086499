/** Bringing feature maps of different heights and widths to one size. */
import type { Builder, Dim, Value } from '../../operators/builder'

/**
 * Both values with equal dimensions from axis `from` on. Where both sizes are numbers, the larger one is averaged down,
 * axis by axis, so that nothing is made up; averaging is a product with a constant matrix, through which gradients flow.
 * Where one is only known at run time, the teacher's is interpolated linearly to the student's (no gradient is needed
 * there).
 */
export function sameSize(m: Builder, student: Value, teacher: Value, from: number): [Value, Value] {
  const axes = [...student.shape.keys()].slice(from)
  const open = axes.some(a => typeof student.shape[a] === 'string' || typeof teacher.shape[a] === 'string')
  if (open) {
    const equal = axes.every(a => student.shape[a] !== '' && student.shape[a] === teacher.shape[a])
    return [student, equal ? teacher : resizeLike(m, teacher, student, from)]
  }
  let [x, t] = [student, teacher]
  for (const axis of axes) {
    const size = Math.min(Number(x.shape[axis]), Number(t.shape[axis]))
    x = averageAlong(m, x, axis, size)
    t = averageAlong(m, t, axis, size)
  }
  return [x, t]
}

/** Element i is the mean over [i·n/size, (i + 1)·n/size) of an axis of length n, parts of elements counting in part. */
function averageAlong(m: Builder, x: Value, axis: number, size: number): Value {
  const length = Number(x.shape[axis])
  if (length === size) return x
  const last = x.shape.length - 1
  const perm = x.shape.map((_, i) => (i === axis ? last : i === last ? axis : i))
  const matrix = m.constant(x.type, [length, size], averaging(length, size))
  return m.transpose(m.matmul(m.transpose(x, perm), matrix), perm)
}

/** Row-major [length, size]: share of each element in each mean. */
export function averaging(length: number, size: number): number[] {
  const span = length / size
  return Array.from({ length: length * size }, (_, at) => {
    const [element, i] = [Math.floor(at / size), at % size]
    const overlap = Math.min(element + 1, (i + 1) * span) - Math.max(element, i * span)
    return Math.max(overlap, 0) / span
  })
}

function resizeLike(m: Builder, x: Value, like: Value, from: number): Value {
  const part = (v: Value, start: number, end: number): Value => {
    const shape = m.emit('Shape', [v], [v.shape.length], { type: 'int64' })
    return m.emit('Slice', [shape, m.ints([start]), m.ints([end])], [end - start])
  }
  const rank = x.shape.length
  const sizes = m.concat([part(x, 0, from), part(like, from, rank)], 0, [rank])
  const shape: Dim[] = [...x.shape.slice(0, from), ...like.shape.slice(from)]
  return m.emit('Resize', [x, undefined, undefined, sizes], shape, { attributes: { mode: 'linear' } })
}
