import { describe, expect, it } from 'vitest'
import { labelMisfit } from './labels'
import { kindOfPicked, mainPicked, pickedTitle } from './picked'
import { splitCounts, withShare } from './split'
import { NEW_TEXT, textFields, textInputs } from './TextForm'

const split = { seed: 0, train: 0.6, calibration: 0.1, test: 0.3 }
const picked = (...paths: string[]) =>
  paths.map(path => ({ path, file: new File(['x'], path.split('/').pop() ?? path) }))

describe('what was dropped', () => {
  it('is a model when one of the files is one, else data', () => {
    expect(kindOfPicked(picked('net.onnx', 'net.onnx.data'))).toBe('model')
    expect(kindOfPicked(picked('export/net.ONNX', 'export/weights.bin'))).toBe('model')
    expect(kindOfPicked(picked('photos/cat/1.jpg', 'photos/dog/2.jpg'))).toBe('data')
    expect(kindOfPicked(picked('data.npz'))).toBe('data')
  })

  it('is called by its model or its folder', () => {
    expect(mainPicked(picked('weights.data', 'net.onnx'))?.path).toBe('net.onnx')
    expect(pickedTitle(picked('weights.data', 'net.onnx'))).toBe('net.onnx and 1 more')
    expect(mainPicked(picked('tokenizer.json', 'mails.jsonl'))?.path).toBe('mails.jsonl')
    expect(pickedTitle(picked('photos/a/1.png', 'photos/b/2.png'))).toBe('photos (2 files)')
  })
})

describe('text', () => {
  const input = (name: string, type: string, shape: (string | number)[]) => ({ name, type, shape })
  const bert = [input('input_ids', 'int64', ['batch', 'n']), input('attention_mask', 'int64', ['batch', 'n'])]

  it('feeds inputs of whole numbers, by their names or as chosen', () => {
    expect(textInputs(bert, NEW_TEXT).map(t => t.role)).toEqual(['ids', 'mask'])
    const odd = [input('words', 'int32', ['N', 64]), input('size', 'float32', ['N', 1])]
    expect(textInputs(odd, NEW_TEXT).map(t => [t.input.name, t.role])).toEqual([['words', null]])
    const chosen = { ...NEW_TEXT, roles: { words: 'ids' as const } }
    expect(textInputs(odd, chosen).map(t => t.role)).toEqual(['ids'])
  })

  it('leaves the length open only where the model does', () => {
    expect(textFields(bert, NEW_TEXT).map(f => f.name)).toEqual(['maxLength', 'padding', 'truncation'])
    expect(textFields([input('input_ids', 'int64', ['N', 64])], NEW_TEXT).map(f => f.name)).toEqual([
      'truncation',
    ])
  })
})

describe('splits', () => {
  it('never exceed all samples: training gives way first', () => {
    expect(withShare(split, 'test', 0.5)).toEqual({ seed: 0, train: 0.4, calibration: 0.1, test: 0.5 })
    expect(withShare(split, 'calibration', 0.9)).toEqual({ seed: 0, train: 0, calibration: 0.9, test: 0.1 })
    expect(withShare(split, 'train', 0.2)).toEqual({ ...split, train: 0.2 })
    expect(withShare(split, 'train', 7)).toEqual({ seed: 0, train: 1, calibration: 0, test: 0 })
  })

  it('count whole samples', () => {
    expect(splitCounts(split, 10_000)).toEqual({ train: 6000, calibration: 1000, test: 3000 })
    expect(splitCounts(split, 7)).toEqual({ train: 4, calibration: 0, test: 2 })
  })
})

describe('labelMisfit', () => {
  const output = (...shape: (number | string)[]) => [{ name: 'logits', type: 'float32', shape }]
  it('is silent where an output has a value per class, a single one included, or no fixed width', () => {
    expect(labelMisfit(10, output('batch', 10))).toBeNull()
    expect(labelMisfit(2, output('batch', 1))).toBeNull()
    expect(labelMisfit(105, output('batch', 'classes'))).toBeNull()
    expect(labelMisfit(0, output('batch', 10))).toBeNull()
  })
  it('names the classes and what the outputs have', () => {
    expect(labelMisfit(105, output('batch', 10))?.message).toContain(
      'up to class 104, but no output has 105 values per sample (logits has 10)',
    )
  })
})
