/** How a student differs from its teacher, as written on the command line and in recipes. */
import { BantamError } from '../../shared/errors'

export interface StudentShape {
  /** Share of the hidden channels, units and heads that stay: above 0, below 1. */
  slim?: number
  /** Repeated blocks that stay of each stage: 1 or more. */
  depth?: number
}

const ACCEPTED =
  'Write slim:R with R between 0 and 1 (slim:0.5), depth:N with N of 1 or more (depth:2), or both (slim:0.5,depth:2).'

/** True for text that means a shape, right or wrong, rather than the name of a file. */
export function isStudentShape(text: string): boolean {
  return /^\s*(slim|depth)\s*:/.test(text)
}

/** Reads `slim:0.5`, `depth:2` or both with a comma between. Throws `bad-option` saying what is accepted. */
export function parseStudentShape(text: string): StudentShape {
  const refuse = (message: string) =>
    new BantamError('bad-option', message, { where: text, action: ACCEPTED })
  const shape: StudentShape = {}
  for (const part of text.split(',').map(p => p.trim())) {
    const [, kind, value] = /^(slim|depth)\s*:\s*(\d+(?:\.\d+)?|\.\d+)$/.exec(part) ?? []
    if (kind !== 'slim' && kind !== 'depth')
      throw refuse(part === '' ? 'The student has no shape.' : `${part} is no shape of a student.`)
    if (shape[kind] !== undefined) throw refuse(`${kind} is given twice.`)
    shape[kind] = Number(value)
  }
  checkStudentShape(shape, text)
  return shape
}

/** The text that `parseStudentShape` reads as this shape. */
export function formatStudentShape({ slim, depth }: StudentShape): string {
  return [slim === undefined ? '' : `slim:${slim}`, depth === undefined ? '' : `depth:${depth}`]
    .filter(Boolean)
    .join(',')
}

/** Throws `bad-option` when a number is out of range or there is none. */
export function checkStudentShape(shape: StudentShape, where = formatStudentShape(shape)): void {
  const refuse = (message: string) => new BantamError('bad-option', message, { where, action: ACCEPTED })
  const { slim, depth } = shape
  if (slim === undefined && depth === undefined) throw refuse('The student has no shape.')
  if (slim !== undefined && !(slim > 0 && slim < 1)) throw refuse('slim must be above 0 and below 1.')
  if (depth !== undefined && !(Number.isInteger(depth) && depth >= 1))
    throw refuse('depth must be a whole number of 1 or more.')
}
