import { mkdirSync, writeFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { afterAll, describe, expect, it } from 'vitest'
import { DatasetSpec } from '../../shared/domain'
import { toErrorData } from '../../shared/errors'
import { openDataset } from './open'
import { probeData } from './probe'
import { bytesOf, floatInput, npyBytes, npzBytes, tempFolder } from './testing'

const folder = tempFolder()
afterAll(() => folder.remove())

const INPUT = floatInput(['N', 2])
const rows = (n: number) => npyBytes('<f4', [n, 2], new Uint8Array(n * 8))
const zip = Buffer.from(npzBytes({ input: rows(500), labels: npyBytes('|u1', [500], new Uint8Array(500)) }))
const packed = Buffer.from(npzBytes({ input: npyBytes('<f4', [5000, 2], noise(40_000)) }, 6))
const table = Buffer.from(
  parquetWriteBuffer({
    columnData: [{ name: 'a', data: Array.from({ length: 100 }, (_, i) => i / 3), type: 'DOUBLE' }],
  }),
)

function noise(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Math.imul(i + 1, 2654435761) >>> 24)
}

function idx(magic: number[], dims: number[], data: Uint8Array): Uint8Array {
  const head = Buffer.alloc(4 * dims.length)
  for (const [i, d] of dims.entries()) head.writeUInt32BE(d, 4 * i)
  return Buffer.concat([Uint8Array.from(magic), head, data])
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = (copy[at] ?? 0) ^ 0xff
  return copy
}

const lie = npyBytes('<f4', [1000, 2], new Uint8Array(80))

/** File, its bytes, the exact message, and the code. */
const corpus: [string, Uint8Array | string, string, string][] = [
  ['empty.npz', '', 'The file is empty.', 'bad-file'],
  [
    'text.npz',
    'hello',
    'The file is no readable .npz archive: End of central directory record signature not found. Either not a zip file, or file is truncated.',
    'bad-file',
  ],
  [
    'cut.npz',
    zip.subarray(0, 3000),
    'The file is no readable .npz archive: End of central directory record signature not found. Either not a zip file, or file is truncated.',
    'bad-file',
  ],
  [
    'damaged.npz',
    flipped(packed, packed.indexOf('PK\x01\x02') + 16),
    'The array cannot be unpacked: the checksum does not match.',
    'bad-file',
  ],
  ['lie.npz', npzBytes({ input: lie }), 'The array claims 8000 bytes of values and holds 80.', 'bad-file'],
  [
    'packed-lie.npz',
    npzBytes({ input: npyBytes('<f4', [9e9, 2], noise(20_000)) }, 6),
    'The array claims 72000000000 bytes of values and holds 20000.',
    'bad-file',
  ],
  ['none.npz', npzBytes({}), 'The archive holds no array.', 'bad-data'],
  [
    'counts.npz',
    npzBytes({ input: rows(3), labels: npyBytes('|u1', [2], new Uint8Array(2)) }),
    'The arrays hold different numbers of samples: input 3, labels 2.',
    'bad-data',
  ],
  ['zero.npz', npzBytes({ input: rows(0) }), 'The data holds no samples.', 'bad-data'],
  [
    'pickle.npz',
    npzBytes({ input: npyBytes('|O', [1], noise(8)) }),
    'The array holds pickled Python objects, which are not read for safety.',
    'unsupported',
  ],
  [
    'complex.npz',
    npzBytes({ input: npyBytes('<c8', [1], noise(8)) }),
    'The array holds values of type <c8.',
    'unsupported',
  ],
  [
    'labels2d.npz',
    npzBytes({ input: rows(2), labels: npyBytes('|u1', [2, 3], Uint8Array.of(0, 1, 0, 1, 1, 0)) }),
    'The labels in labels have 3 values per sample and are not one-hot (sample 1).',
    'bad-data',
  ],
  ['lie.npy', lie, 'The array claims 8000 bytes of values and holds 80.', 'bad-file'],
  ['magic.npy', 'not an array', 'This is no .npy array: it does not begin with \\x93NUMPY.', 'bad-file'],
  [
    'header.npy',
    Buffer.concat([Buffer.from('\x93NUMPY\x01\x00\xff\xff', 'latin1'), noise(90)]),
    'The header of the array is cut off or too long.',
    'bad-file',
  ],
  ['a.idx', idx([0, 1, 8, 1], [2], noise(2)), 'This is no IDX file: its magic number is wrong.', 'bad-file'],
  [
    'short-ubyte',
    idx([0, 0, 8, 3], [10, 28, 28], noise(100)),
    'The IDX header claims 7840 bytes of values, the file has 100.',
    'bad-file',
  ],
  [
    'cut-ubyte.gz',
    gzipSync(idx([0, 0, 8, 2], [50, 2], noise(100))).subarray(0, 60),
    'The gzip file cannot be unpacked.',
    'bad-file',
  ],
  ['ragged.csv', 'a,b\n1,2\n3,4\n5\n', 'Line 4 has 1 cells, the header has 2.', 'bad-data'],
  [
    'open.csv',
    'a,b\n1,"2\n3,4\n',
    'The table cannot be read: Quote Not Closed: the parsing is finished with an opening quote at line 3.',
    'bad-data',
  ],
  ['twice.csv', 'a,a\n1,2\n', 'Two columns are called "a".', 'bad-data'],
  ['head.csv', 'a,b\n', 'The table has no rows.', 'bad-data'],
  [
    'garbage.parquet',
    noise(5000),
    'The file is no readable Parquet file: parquet file invalid (footer != PAR1).',
    'bad-file',
  ],
  ['what.bin', 'hello there', 'The file is of no kind that is read as data.', 'unsupported'],
  [
    'nan.npz',
    npzBytes({ input: npyBytes('<f4', [2, 2], bytesOf(Float32Array.of(1, 2, Number.NaN, 4))) }),
    'Sample 1: value 0 of input is NaN (or missing).',
    'bad-data',
  ],
  [
    'inf.npz',
    npzBytes({ input: npyBytes('<f2', [2, 2], bytesOf(Uint16Array.of(0, 0, 0, 0xfc00))) }),
    'Sample 1: value 1 of input is minus infinity.',
    'bad-data',
  ],
]

describe('hostile files', () => {
  for (const [name, bytes, message, code] of corpus) {
    it(`${name}: ${message}`, async () => {
      const source = folder.file(name)
      writeFileSync(source, bytes)
      const inputs = name.endsWith('ubyte') || name.endsWith('.gz') ? [] : [INPUT]
      const attempt = openDataset(DatasetSpec.parse({ source }), inputs).then(d => d.batch([0, 1]))
      await expect(attempt).rejects.toMatchObject({ message, code })
    })
  }

  it('answers any cut or flipped byte with data or an error of its own', async () => {
    const source = { npz: folder.file('f.npz'), parquet: folder.file('f.parquet') }
    const small = Buffer.from(
      npzBytes({ input: rows(3), labels: npyBytes('|u1', [3], Uint8Array.of(0, 1, 1)) }, 6),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('npz', 'parquet'),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.boolean(),
        async (kind, place, cut) => {
          const bytes = kind === 'npz' ? small : table
          const at = Math.floor(place * bytes.length)
          writeFileSync(source[kind], cut ? bytes.subarray(0, at) : flipped(bytes, at))
          try {
            const data = await openDataset(DatasetSpec.parse({ source: source[kind], labels: null }), [])
            await data.close()
          } catch (error) {
            expect(['bad-file', 'bad-data', 'unsupported']).toContain(toErrorData(error).code)
          }
        },
      ),
      { seed: 3, numRuns: 150 },
    )
  })
})

describe('sources', () => {
  it('refuses ranges that are none or begin outside', async () => {
    const source = folder.file('range.npz')
    writeFileSync(source, zip)
    const open = (text: string) => openDataset(DatasetSpec.parse({ source: text }), [INPUT])
    await expect(open(`${source}#5:5`)).rejects.toThrow('"#5:5" is no range of samples.')
    await expect(open(`${source}#a`)).rejects.toThrow('"#a" is no range of samples.')
    await expect(open(`${source}#500:600`)).rejects.toThrow(
      'The range begins at sample 500, but there are only 500.',
    )
    await expect(open(folder.file('gone.npz'))).rejects.toThrow('There is no such file or folder.')
    const end = await open(`${source}#490:`)
    expect(end.summary.count).toBe(10)
    await end.close()
    const odd = folder.file('odd#1:2.npz')
    writeFileSync(odd, zip)
    const whole = await open(odd)
    expect(whole.summary.count).toBe(500)
    await whole.close()
  })

  it('finds the labels beside MNIST files, gzipped or not', async () => {
    mkdirSync(folder.file('mnist'))
    const images = idx([0, 0, 8, 3], [3, 5, 5], noise(75))
    writeFileSync(folder.file('mnist/t10k-images-idx3-ubyte'), images)
    writeFileSync(
      folder.file('mnist/t10k-labels-idx1-ubyte.gz'),
      gzipSync(idx([0, 0, 8, 1], [3], Uint8Array.of(7, 2, 1))),
    )
    const source = folder.file('mnist/t10k-images-idx3-ubyte')
    const data = await openDataset(DatasetSpec.parse({ source }), [floatInput(['N', 1, 5, 5])])
    expect(data.summary).toMatchObject({ format: 'idx', count: 3, task: 'classification' })
    expect(data.summary.notes.map(n => n.code)).toEqual([
      'labels-beside',
      'matched-by-order',
      'preprocessing-guess',
      'reshaped',
      'empty-split',
    ])
    const { feeds, labels } = await data.batch([2])
    expect(labels).toEqual(Float64Array.of(1))
    expect((feeds.input?.data ?? [])[3]).toBe(Math.fround((noise(75)[53] ?? 0) / 255))
    await data.close()
    writeFileSync(folder.file('mnist/mine.idx'), idx([0, 0, 8, 1], [3], Uint8Array.of(2, 1, 0)))
    const named = await openDataset(DatasetSpec.parse({ source, labels: 'mine.idx' }), [
      floatInput(['N', 1, 5, 5]),
    ])
    expect((await named.batch([0])).labels).toEqual(Float64Array.of(2))
    const again = await openDataset(named.summary.spec, [floatInput(['N', 1, 5, 5])])
    expect(again.summary.hash).toBe(named.summary.hash)
    await Promise.all([named.close(), again.close()])
    const big = folder.file('shorts.idx')
    writeFileSync(big, idx([0, 0, 11, 2], [1, 2], Uint8Array.of(1, 2, 255, 254)))
    const shorts = await openDataset(DatasetSpec.parse({ source: big }), [INPUT])
    expect((await shorts.batch([0])).feeds.input?.data).toEqual(Float32Array.of(258, -2))
    await shorts.close()
  })

  it('probes data that does not fit, with the reason and the choices', async () => {
    const source = folder.file('names.npz')
    writeFileSync(source, npzBytes({ a: rows(2), b: rows(2) }))
    const probe = await probeData(source, [INPUT])
    expect(probe.fields.map(f => f.name)).toEqual(['a', 'b'])
    expect(probe.notes).toEqual([
      {
        code: 'does-not-fit',
        severity: 'error',
        message: "The data's arrays (a, b) do not match the model's inputs (input [N, 2]).",
        action: 'Name them as the inputs, or say which feeds which.',
      },
    ])
    const chosen = DatasetSpec.parse({ ...probe.suggestion, inputs: { input: ['b'] } })
    const data = await openDataset(chosen, [INPUT])
    expect(data.summary.spec.inputs).toEqual({ input: ['b'] })
    await data.close()
    await expect(openDataset(DatasetSpec.parse({ source, inputs: { x: ['a'] } }), [INPUT])).rejects.toThrow(
      'The model has no input x.',
    )
    await expect(
      openDataset(DatasetSpec.parse({ source, inputs: { input: ['c'] } }), [INPUT]),
    ).rejects.toThrow("There is no array c for the model's input input.")
  })
})
