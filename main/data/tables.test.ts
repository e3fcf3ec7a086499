import { writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterAll, describe, expect, it } from 'vitest'
import { DatasetSpec, type TensorInfo } from '../../shared/domain'
import { openDataset } from './open'
import { probeData } from './probe'
import { floatInput, tempFolder } from './testing'

const folder = tempFolder()
afterAll(() => folder.remove())

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(folder.file(name), content)
  return folder.file(name)
}

async function open(source: string, inputs: TensorInfo[], spec: Partial<DatasetSpec> = {}) {
  return openDataset(DatasetSpec.parse({ source, ...spec }), inputs)
}

async function values(source: string, inputs: TensorInfo[], spec: Partial<DatasetSpec> = {}) {
  const data = await open(source, inputs, spec)
  const all = await data.batch(data.indices('all'))
  await data.close()
  return {
    ...all,
    summary: data.summary,
    x: Array.from(all.feeds[inputs[0]?.name ?? '']?.data as Float32Array),
  }
}

const IRIS = 'length,width,"kind, of flower",label\n1.5,2,a,red\n3,"4.25","b ""b""",blue\n-1e-3, 6 ,a,red\n'

describe('csv', () => {
  it('feeds all columns of numbers to one input, and maps text labels to classes', async () => {
    const { x, labels, summary } = await values(write('iris.csv', IRIS), [floatInput(['N', 2])])
    expect(x).toEqual([1.5, 2, 3, 4.25, Math.fround(-1e-3), 6])
    expect(summary).toMatchObject({ format: 'csv', task: 'classification', classes: ['blue', 'red'] })
    expect(labels).toEqual(Float64Array.of(1, 0, 1))
    expect(summary.spec.inputs).toEqual({ input: ['length', 'width'] })
    expect(summary.notes.map(n => n.message)).toEqual([
      'Columns left out: kind, of flower (text).',
      'There are too few samples for the calibration split.',
    ])
  })

  it('takes chosen columns in the chosen order', async () => {
    const path = write('chosen.csv', IRIS)
    const { x } = await values(path, [floatInput(['N', 2])], { inputs: { input: ['width', 'length'] } })
    expect(x.slice(0, 2)).toEqual([2, 1.5])
    await expect(open(path, [floatInput(['N', 1])], { inputs: { input: ['depth'] } })).rejects.toThrow(
      "There is no column depth for the model's input input.",
    )
    await expect(
      open(path, [floatInput(['N', 1])], { inputs: { input: ['kind, of flower'] } }),
    ).rejects.toThrow('Column kind, of flower holds text, which needs a tokenizer.')
    await expect(open(path, [floatInput(['N', 4])])).rejects.toThrow(
      "Column length, width holds samples of shape [2]; the model's input input wants [4].",
    )
  })

  it('matches one column to each input of a model with many', async () => {
    const inputs = ['width', 'length'].map(name => floatInput(['N', 1], name))
    const { feeds } = await values(write('many.csv', IRIS), inputs)
    expect(Array.from((feeds.length?.data ?? []) as Float32Array)).toEqual([1.5, 3, Math.fround(-1e-3)])
    expect(feeds.length?.dims).toEqual([3, 1])
  })

  it('reads tables without a header, with other delimiters and line ends', async () => {
    const rows = '\ufeff5;0;1\r\n3;2;3\r\n\r\n5;4;5\r\n'
    const { x, labels, summary } = await values(write('plain.csv', rows), [floatInput(['N', 2])], {
      labels: 'column1',
    })
    expect(x).toEqual([0, 1, 2, 3, 4, 5])
    expect(labels).toEqual(Float64Array.of(5, 3, 5))
    expect(summary.classes).toHaveLength(6)
    expect((await values(write('t.tsv', 'a\tb\n1\t2\n'), [floatInput(['N', 2])])).x).toEqual([1, 2])
  })

  it('tells classification from regression by the labels', async () => {
    const rows = Array.from({ length: 60 }, (_, i) => `${i},${i % 3},${i / 7}`).join('\n')
    const path = write('tasks.csv', `a,kind,price\n${rows}\n`)
    const inputs = [floatInput(['N', 1])]
    const spec = { inputs: { input: ['a'] } }
    expect((await values(path, inputs, { ...spec, labels: 'kind' })).summary.task).toBe('classification')
    const price = await values(path, inputs, { ...spec, labels: 'price' })
    expect(price.summary).toMatchObject({ task: 'regression', classes: [], classCounts: [] })
    expect(price.labels?.[7]).toBe(1)
    expect((await values(path, inputs, { ...spec, labels: 'a' })).summary.task).toBe('regression')
    expect((await values(path, inputs, { ...spec, labels: 'kind', task: 'regression' })).summary.task).toBe(
      'regression',
    )
    await expect(open(path, inputs, { ...spec, labels: 'price', task: 'classification' })).rejects.toThrow(
      'The labels in price are not whole numbers, so they are no classes.',
    )
    await expect(open(path, inputs, { ...spec, labels: 'cost' })).rejects.toThrow(
      'There are no labels called cost.',
    )
    await expect(open(path, inputs, { ...spec, task: 'classification' })).rejects.toThrow(
      'The data has no labels, which classification needs.',
    )
  })

  it('says which labels and values are missing', async () => {
    const path = write('gaps.csv', 'a,label\n1,x\n,y\n3,\n')
    await expect(open(path, [floatInput(['N', 1])])).rejects.toThrow(
      '1 of 3 samples have no label in label; the first is sample 2.',
    )
    const data = await open(path, [floatInput(['N', 1])], { labels: null })
    await expect(data.batch([0, 1])).rejects.toThrow('Sample 1: value 0 of a is NaN (or missing).')
    await data.close()
  })

  it('renumbers labels that begin with one, with a note', async () => {
    const { labels, summary } = await values(write('one.csv', 'a,y\n0,1\n0,3\n0,2\n'), [floatInput(['N', 1])])
    expect(labels).toEqual(Float64Array.of(0, 2, 1))
    expect(summary.classes).toEqual(['1', '2', '3'])
    expect(summary.notes).toContainEqual(
      expect.objectContaining({
        code: 'labels-renumbered',
        message: 'Labels 1 to 3 are taken as classes 0 to 2.',
      }),
    )
  })

  it('uses a column that is numbers at first only if it stays so', async () => {
    const rows = Array.from({ length: 1500 }, (_, i) => `${i},${i === 1200 ? 'oops' : i}`).join('\n')
    const path = write('late.csv', `a,b\n${rows}\n`)
    expect((await values(path, [floatInput(['N', 1], 'a')])).x[1400]).toBe(1400)
    await expect(open(path, [floatInput(['N', 1])], { inputs: { input: ['b'] } })).rejects.toThrow(
      'Column b should hold numbers, but row 1201 holds "oops".',
    )
  })

  it('reads any numbers and texts back', async () => {
    const cell = fc.double({ noNaN: true, noDefaultInfinity: true })
    const text = fc.string({
      minLength: 1,
      maxLength: 8,
      unit: fc.constantFrom('a', ',', '"', '\n', 'é', ';', 'z'),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(cell, text), { minLength: 1, maxLength: 30 }), async rows => {
        const lines = rows.map(([x, t]) => `${x},"_${t.replaceAll('"', '""')}"`)
        const path = write('any.csv', `x,label\n${lines.join('\n')}\n`)
        const { feeds, labels, summary } = await values(path, [{ name: 'x', type: 'float64', shape: ['N'] }])
        expect(Array.from(feeds.x?.data as Float64Array)).toEqual(rows.map(([x]) => x))
        const names = Array.from(labels ?? [], i => summary.classes[i])
        expect(names).toEqual(rows.map(([, t]) => `_${t}`))
      }),
      { seed: 5, numRuns: 40 },
    )
  })

  it('shows flat pixels as a picture when the model says so', async () => {
    const row = Array.from({ length: 64 }, (_, i) => i * 4).join(',')
    const data = await open(write('flat.csv', `${row},3\n${row},4\n`), [floatInput(['N', 1, 8, 8])], {
      labels: 'column65',
    })
    expect((await data.batch([0])).feeds.input?.dims).toEqual([1, 1, 8, 8])
    expect(
      Buffer.from((await data.picture(1)) ?? [])
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG')
    await data.close()
  })
})

describe('jsonl', () => {
  it('reads numbers, truth values, lists and texts', async () => {
    const lines = [
      {
        input: [
          [1, 2, 3],
          [4, 5, 6],
        ],
        label: 'no',
        extra: true,
      },
      {
        input: [
          [7, 8, 9],
          [10, 11, 12],
        ],
        label: 'yes',
        extra: false,
      },
    ]
    const path = write('a.jsonl', lines.map(l => JSON.stringify(l)).join('\n'))
    const { x, feeds, labels } = await values(path, [floatInput(['N', 2, 3])])
    expect(x).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    expect(feeds.input?.dims).toEqual([2, 2, 3])
    expect(labels).toEqual(Float64Array.of(0, 1))
    const probe = await probeData(path, [floatInput(['N', 2, 3])])
    expect(probe.fields).toEqual([
      { name: 'input', type: 'int64', shape: [2, 3] },
      { name: 'label', type: 'string', shape: [] },
      { name: 'extra', type: 'bool', shape: [] },
    ])
  })

  it('refuses ragged lists and lines that are no objects', async () => {
    const ragged = write('ragged.jsonl', '{"input":[1,2]}\n{"input":[1]}\n')
    await expect(open(ragged, [floatInput(['N', 2])])).rejects.toThrow(
      'Column input should hold lists of numbers of one shape, but row 2 holds a list of 1.',
    )
    await expect(open(write('b.jsonl', '{"a":1}\n[1]\n'), [])).rejects.toThrow('Line 2 is not a JSON object.')
    await expect(open(write('c.jsonl', '{"a":1}\n{"a":\n'), [])).rejects.toThrow('Line 2 is not valid JSON.')
    await expect(open(write('d.jsonl', '\n\n'), [])).rejects.toThrow('The table has no rows.')
  })
})

describe('parquet', () => {
  it('reads row groups, types and lists', async () => {
    const count = 25
    const rows = Array.from({ length: count }, (_, i) => i)
    const buffer = parquetWriteBuffer({
      columnData: [
        { name: 'a', data: rows.map(i => i / 2), type: 'DOUBLE' },
        { name: 'b', data: rows.map(BigInt), type: 'INT64' },
        { name: 'kind', data: rows.map(i => (i % 2 ? 'odd' : 'even')), type: 'STRING' },
      ],
      rowGroupSize: 10,
    })
    const path = write('a.parquet', new Uint8Array(buffer))
    const { x, labels, summary } = await values(path, [floatInput(['N', 2])], { labels: 'kind' })
    expect(summary).toMatchObject({ format: 'parquet', count, classes: ['even', 'odd'] })
    expect(x).toEqual(rows.flatMap(i => [i / 2, i]))
    expect(labels).toEqual(Float64Array.from(rows, i => i % 2))
  })

  it('reads gzip-compressed pages and missing values', async () => {
    const buffer = parquetWriteBuffer({
      columnData: [{ name: 'a', data: [1, null, 3], type: 'DOUBLE' }],
      codec: 'GZIP',
      compressors: { GZIP: (bytes: Uint8Array) => gzipSync(bytes) },
    })
    const data = await open(write('gz.parquet', new Uint8Array(buffer)), [floatInput(['N', 1])])
    expect((await data.batch([2])).feeds.input?.data).toEqual(Float32Array.of(3))
    await expect(data.batch([1])).rejects.toThrow('Sample 1: value 0 of a is NaN (or missing).')
    await data.close()
  })
})
