import { describe, expect, it } from 'vitest'
import { BantamError, errorLine, fromErrorData, toErrorData } from './errors'

function system(code: string): Error {
  return Object.assign(new Error(`${code}: it failed, copyfile 'a' -> 'b'`), { code })
}

describe('toErrorData', () => {
  it('keeps what, where and what to do, there and back', () => {
    const data = { code: 'bad-data' as const, message: 'Row 3 is empty.', where: 'a.csv', action: 'Fill it.' }
    const error = new BantamError(data.code, data.message, data)
    expect(toErrorData(error)).toEqual(data)
    expect(toErrorData(fromErrorData(data))).toEqual(data)
    expect(errorLine(data)).toBe('Row 3 is empty. [a.csv] Fill it.')
  })

  it.each([
    ['ENOSPC', 'no-space'],
    ['EDQUOT', 'no-space'],
    ['ENOENT', 'not-found'],
    ['EACCES', 'bad-file'],
    ['EROFS', 'bad-file'],
    ['ENOTDIR', 'bad-file'],
    ['EISDIR', 'bad-file'],
  ])('%s of the system is %s, with what to do', (code, expected) => {
    const data = toErrorData(system(code))
    expect(data.code).toBe(expected)
    expect(data.action).toMatch(/\w/)
  })

  it('calls anything else a bug', () => {
    expect(toErrorData(new TypeError('x is not a function'))).toEqual({
      code: 'internal',
      message: 'x is not a function',
    })
  })
})
