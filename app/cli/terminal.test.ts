import { describe, expect, it } from 'vitest'
import { exitCode, numberList, usageError, wholeNumber } from './command'
import { checkGates, evaluationDocument } from './evaluate'
import { noteLines } from './notes'
import { columns, plain } from './terminal'

const EVALUATION = {
  model: 'hash',
  data: { hash: 'd', source: 'x.npz', split: 'all' as const, count: 100 },
  task: 'classification' as const,
  metrics: { accuracy: { value: 0.9, low: 0.83, high: 0.94 } },
  perClass: [],
  confusion: [],
  agreement: [
    { output: 'a', cosine: 0.999, maxAbs: 0.1, sqnr: 30, kl: 0.01, top1: 0.97 },
    { output: 'b', cosine: 0.9, maxAbs: 0.5, sqnr: null },
  ],
  differences: [
    { metric: 'accuracy', value: -0.02, low: -0.05, high: 0.01, p: 0.3, test: 'exact McNemar', shown: false },
  ],
  seconds: 1,
  notes: [],
}

describe('columns', () => {
  it('aligns to the widest cell, numbers to the right', () => {
    const text = columns(
      [
        ['name', 'n'],
        ['é', '10'],
        ['long name', '5'],
      ],
      [1],
    )
    expect(text).toBe('name        n\né          10\nlong name   5')
  })

  it('shows control characters of file names as a sign', () => {
    expect(plain('a\u001b[31mb\u0000\n')).toBe('a\ufffd[31mb\ufffd\ufffd')
  })
})

describe('noteLines', () => {
  it('tells one note about many nodes once', () => {
    const note = (node: string) => ({ code: 'x', severity: 'info' as const, message: 'Left in float.', node })
    expect(noteLines(['a', 'b', 'c', 'd', 'e'].map(note))).toEqual([
      'info: Left in float. [a, b, c and 2 more]',
    ])
    const named = (node: string) => ({ ...note(node), message: `Conv ${node} stays in float.` })
    expect(noteLines([named('a'), named('b'), { ...note('c'), severity: 'warning' }])).toEqual([
      'warning: Left in float. [c]',
      'info: Conv stays in float. [a, b]',
    ])
    expect(noteLines([named('a')])).toEqual(['info: Conv a stays in float. [a]'])
  })
})

describe('options', () => {
  it('are checked with a reason', () => {
    expect(wholeNumber(0)('12')).toBe(12)
    expect(numberList(1, 64)('1, 32,1')).toEqual([1, 32])
    expect(() => wholeNumber(1)('0')).toThrow('It must be a whole number of at least 1.')
    expect(() => wholeNumber(1, 8)('x')).toThrow('It must be a whole number from 1 to 8.')
    expect(() => numberList(1, 8)('1,,2')).toThrow('It must be a whole number from 1 to 8.')
  })

  it('become one line when they are wrong', () => {
    const error = usageError("error: unknown option '--jsn'\n(Did you mean --json?)", 'inspect')
    expect(error.message).toBe("Unknown option '--jsn' (did you mean --json?)")
    expect(error.action).toBe('See `bantam inspect --help`.')
  })
})

describe('exit codes', () => {
  it('tell bad input, gates, interrupts and bugs apart', () => {
    expect(
      (['bad-file', 'bad-model', 'bad-data', 'bad-option', 'not-found', 'unsupported'] as const).map(
        exitCode,
      ),
    ).toEqual([2, 2, 2, 2, 2, 2])
    expect((['internal', 'crashed', 'no-space', 'conflict'] as const).map(exitCode)).toEqual([1, 1, 1, 1])
    expect([exitCode('gate'), exitCode('cancelled')]).toEqual([3, 130])
  })
})

describe('the JSON of evaluate', () => {
  it('lets the output that agrees least speak', () => {
    const document = evaluationDocument('m.onnx', EVALUATION)
    expect(document.agreement).toEqual({ top1: null, kl: null, cosine: 0.9, maxAbs: 0.5, sqnr: null })
    expect(document.difference).toMatchObject({ value: -0.02, low: -0.05, high: 0.01, p: 0.3 })
    expect(evaluationDocument('m.onnx', { ...EVALUATION, agreement: [], differences: [] })).toMatchObject({
      agreement: null,
      difference: null,
    })
  })
})

describe('gates', () => {
  it('pass at the limit and fail beyond it, naming every one', () => {
    expect(() => checkGates(EVALUATION, { minAccuracy: 0.9, maxDrop: 2, minAgreement: 0.97 })).not.toThrow()
    expect(() => checkGates(EVALUATION, { minAccuracy: 0.91, maxDrop: 1.5, minAgreement: 0.98 })).toThrow(
      'A gate was not met: accuracy is 90.00 %, less than --min-accuracy 91.00 %; accuracy is 2.00 points worse than the reference’s, more than --max-drop 1.5; the same answer is given on 97.00 %, less than --min-agreement 98.00 %.',
    )
  })

  it('turn round where lower is better', () => {
    const [difference] = EVALUATION.differences
    if (!difference) throw new Error('made above')
    const worse = { ...EVALUATION, differences: [{ ...difference, metric: 'mae', value: 0.3 }] }
    expect(() => checkGates(worse, { maxDrop: 0.2 })).toThrow('mean absolute error is 0.30 worse')
    expect(() => checkGates(worse, { maxDrop: 0.4 })).not.toThrow()
  })

  it('cannot be judged without what they are about', () => {
    const bare = { ...EVALUATION, metrics: {}, differences: [], agreement: [] }
    expect(() => checkGates(bare, { minAccuracy: 0.5 })).toThrow(
      '--min-accuracy needs labels of classes, which are not there.',
    )
    expect(() => checkGates(bare, { maxDrop: 0.5 })).toThrow('--max-drop needs labels, which are not there.')
  })
})
