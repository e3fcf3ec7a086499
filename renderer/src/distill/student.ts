/** The student as a person chooses it, and as the engine reads it: `slim:0.5,depth:2` or `variant:ID`. */
import type { Variant } from '../../../shared/domain'

export type Student =
  | { kind: 'shape'; width: number | null; depth: number | null }
  | { kind: 'model'; variant: string | null }

export const FIRST_STUDENT: Student = { kind: 'shape', width: 0.5, depth: null }
export const MODEL_PREFIX = 'variant:'

/** The engine's text; null where nothing is chosen yet. */
export function studentText(student: Student): string | null {
  if (student.kind === 'model') return student.variant === null ? null : `${MODEL_PREFIX}${student.variant}`
  const parts = [
    student.width === null ? '' : `slim:${Number(student.width.toFixed(4))}`,
    student.depth === null ? '' : `depth:${student.depth}`,
  ].filter(Boolean)
  return parts.length > 0 ? parts.join(',') : null
}

/** Reads the engine's text back; a text of another kind (a file's path in a recipe) gives the first student. */
export function parseStudent(text: unknown): Student {
  if (typeof text !== 'string') return FIRST_STUDENT
  if (text.startsWith(MODEL_PREFIX)) return { kind: 'model', variant: text.slice(MODEL_PREFIX.length) }
  const width = Number(/(?:^|,)slim:([\d.]+)/.exec(text)?.[1] ?? Number.NaN)
  const depth = Number(/(?:^|,)depth:(\d+)/.exec(text)?.[1] ?? Number.NaN)
  if (Number.isNaN(width) && Number.isNaN(depth)) return FIRST_STUDENT
  return {
    kind: 'shape',
    width: Number.isNaN(width) ? null : width,
    depth: Number.isNaN(depth) ? null : depth,
  }
}

/** What to say where a student cannot be tried. */
export function studentProblem(student: Student): string | null {
  if (studentText(student) !== null) return null
  return student.kind === 'model' ? 'Choose a model.' : 'Choose a smaller width, a smaller depth, or both.'
}

/** 'Student ×0.5, depth 2', 'Student tiny-cnn'. */
export function studentName(student: Student, variants: readonly Variant[]): string {
  if (student.kind === 'model') {
    return `Student ${variants.find(v => v.id === student.variant)?.name ?? ''}`.trim()
  }
  const parts = [
    student.width === null ? '' : `×${Number(student.width.toFixed(4))}`,
    student.depth === null ? '' : `depth ${student.depth}`,
  ].filter(Boolean)
  return ['Student', parts.join(', ')].filter(Boolean).join(' ')
}
