import { describe, expect, it } from 'vitest'
import { formatStudentShape, isStudentShape, parseStudentShape } from './student-shape'

const ACTION =
  'Write slim:R with R between 0 and 1 (slim:0.5), depth:N with N of 1 or more (depth:2), or both (slim:0.5,depth:2).'

describe('the shape of a student', () => {
  it('reads what it writes', () => {
    expect(parseStudentShape('slim:0.5')).toEqual({ slim: 0.5 })
    expect(parseStudentShape('depth:2')).toEqual({ depth: 2 })
    expect(parseStudentShape(' depth:1 , slim:.25 ')).toEqual({ slim: 0.25, depth: 1 })
    expect(formatStudentShape({ slim: 0.25, depth: 1 })).toBe('slim:0.25,depth:1')
  })

  it('is told from the name of a file', () => {
    expect(['slim:x', 'depth:2', ' slim : 1'].every(isStudentShape)).toBe(true)
    expect(['slim.onnx', 'C:\\slim.onnx', './depth'].some(isStudentShape)).toBe(false)
  })

  it.each([
    ['', 'The student has no shape.'],
    ['thin:0.5', 'thin:0.5 is no shape of a student.'],
    ['slim:half', 'slim:half is no shape of a student.'],
    ['slim:1', 'slim must be above 0 and below 1.'],
    ['slim:0', 'slim must be above 0 and below 1.'],
    ['depth:0', 'depth must be a whole number of 1 or more.'],
    ['depth:1.5', 'depth must be a whole number of 1 or more.'],
    ['slim:0.5,slim:0.2', 'slim is given twice.'],
  ])('refuses %j and says what is accepted', (text, message) => {
    expect(() => parseStudentShape(text)).toThrow(
      expect.objectContaining({ code: 'bad-option', message, action: ACTION }),
    )
  })
})
