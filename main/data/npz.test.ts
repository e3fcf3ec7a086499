import { readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { DatasetSpec, type TensorInfo } from '../../shared/domain'
import { toErrorData } from '../../shared/errors'
import { floatToHalf, type Tensor } from '../runtime/tensor'
import { ByteCollector } from './bytes'
import { parseNpyHeader } from './npy'
import { openDataset } from './open'
import { bytesOf, floatInput, npyBytes, npzBytes, tempFolder } from './testing'

const folder = tempFolder()
afterAll(() => folder.remove())

function write(name: string, bytes: Uint8Array): string {
  writeFileSync(folder.file(name), bytes)
  return folder.file(name)
}

async function open(source: string, inputs: TensorInfo[], spec: Partial<DatasetSpec> = {}) {
  return openDataset(DatasetSpec.parse({ source, ...spec }), inputs)
}

function numbers(tensor: Tensor | undefined): number[] {
  return Array.from((tensor?.data ?? []) as Float32Array)
}

const BY_NUMPY =
  'UEsDBC0AAAAIAAAAIQB62AXP//////////8JABQAaW5wdXQubnB5AQAQALAAAAAAAAAAeAAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBul2mkrqOgnpZfVFKUmBefX5SSChIPKSpNBQoXZyQWpAK5GkY6CsY6CiaaOgq1CmQCLgYGBh4GFgYBBg4GEQZGBl4GVgZBBk4GUQYmBj4GNgYhBi4GMQZmBn4GdgZhBm4GcQBQSwMELQAAAAgAAAAhAF6/1S7//////////wYAFABzci5ucHkBABAAiAAAAAAAAABGAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6TaaGuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5Gpo6CrUKFAEuVgYIAABQSwECLQMtAAAACAAAACEAetgFz3gAAACwAAAACQAAAAAAAAAAAAAAgAEAAAAAaW5wdXQubnB5UEsBAi0DLQAAAAgAAAAhAF6/1S5GAAAAiAAAAAYAAAAAAAAAAAAAAIABswAAAHNyLm5weVBLBQYAAAAAAgACAGsAAAAxAQAAAAA='

const images = npyBytes('<f4', [4, 1, 2, 2], bytesOf(Float32Array.from({ length: 16 }, (_, i) => i / 4)))
const labels = npyBytes('<i8', [4], bytesOf(BigInt64Array.of(1n, 0n, 2n, 1n)))

describe('npz', () => {
  for (const level of [0, 6] as const) {
    it(`reads ${level ? 'deflated' : 'stored'} members by row`, async () => {
      const path = write(`level${level}.npz`, npzBytes({ input: images, labels }, level))
      const data = await open(path, [floatInput(['N', 1, 2, 2])])
      expect(data.summary).toMatchObject({
        format: 'npz',
        count: 4,
        task: 'classification',
        classes: ['0', '1', '2'],
      })
      expect(data.summary.classCounts).toEqual([1, 2, 1])
      const batch = await data.batch([2, 0, 1])
      expect(batch.feeds.input?.dims).toEqual([3, 1, 2, 2])
      expect(numbers(batch.feeds.input)).toEqual([8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 6, 7].map(x => x / 4))
      expect(batch.labels).toEqual(Float64Array.of(2, 1, 0))
      await data.close()
      await data.close()
    })
  }

  it('gives the same identity wherever the file lies, another one when it is read otherwise', async () => {
    const bytes = npzBytes({ input: images, labels })
    const inputs = [floatInput(['N', 1, 2, 2])]
    const [one, two] = [write('same.npz', bytes), write('other/../same.npz', bytes)]
    const hashes = []
    for (const [path, spec] of [
      [one, {}],
      [two, {}],
      [one, { preprocessing: { kind: 'array', scale: 2, mean: [0], std: [1] } }],
      [`${one}#0:3`, {}],
    ] as const) {
      const data = await open(path, inputs, spec as Partial<DatasetSpec>)
      hashes.push(data.summary.hash)
      await data.close()
    }
    expect(hashes[0]).toBe(hashes[1])
    expect(new Set(hashes).size).toBe(3)
  })

  const values = [0, 1, 2, 3, 100, 5]
  const types: [string, Uint8Array][] = [
    ['<f8', bytesOf(Float64Array.from(values))],
    ['<f4', bytesOf(Float32Array.from(values))],
    ['<f2', bytesOf(Uint16Array.from(values, floatToHalf))],
    ['|i1', bytesOf(Int8Array.from(values))],
    ['<i2', bytesOf(Int16Array.from(values))],
    ['<i4', bytesOf(Int32Array.from(values))],
    ['<i8', bytesOf(BigInt64Array.from(values, BigInt))],
    ['|u1', bytesOf(Uint8Array.from(values))],
    ['<u2', bytesOf(Uint16Array.from(values))],
    ['<u4', bytesOf(Uint32Array.from(values))],
    ['<u8', bytesOf(BigUint64Array.from(values, BigInt))],
  ]
  for (const [descr, bytes] of types) {
    it(`reads ${descr} and its big-endian twin`, async () => {
      const big = Buffer.from(bytes)
      const size = Number(descr.slice(2))
      if (size === 2) big.swap16()
      if (size === 4) big.swap32()
      if (size === 8) big.swap64()
      const spec = { preprocessing: { kind: 'array', scale: 1, mean: [0], std: [1] } } as Partial<DatasetSpec>
      for (const [name, b] of [
        [descr, bytes],
        [descr.replace('<', '>'), big],
      ] as const) {
        const path = write('types.npz', npzBytes({ input: npyBytes(name, [3, 2], b) }))
        for (const type of ['float32', 'int64', 'float16', 'uint8']) {
          const data = await open(path, [{ name: 'input', type, shape: [1, 2] }], spec)
          const { feeds } = await data.batch([0, 1, 2])
          const got = feeds.input?.data as ArrayLike<number | bigint>
          const wanted = type === 'float16' ? values.map(floatToHalf) : values
          expect(Array.from(got, Number)).toEqual(wanted)
          await data.close()
        }
      }
    })
  }

  it('reads truth values and Fortran order', async () => {
    // Column-major (2, 2, 3): value at [n][i][j] is 100 n + 10 i + j.
    const order: number[] = []
    for (let j = 0; j < 3; j++)
      for (let i = 0; i < 2; i++) for (let n = 0; n < 2; n++) order.push(100 * n + 10 * i + j)
    const path = write(
      'fortran.npz',
      npzBytes({
        input: npyBytes('<f4', [2, 2, 3], bytesOf(Float32Array.from(order)), { fortran: true }),
        mask: npyBytes('|b1', [2, 2], Uint8Array.of(1, 0, 0, 1)),
      }),
    )
    const data = await open(path, [floatInput(['N', 2, 3]), { name: 'mask', type: 'bool', shape: ['N', 2] }])
    const { feeds } = await data.batch([0, 1])
    expect(numbers(feeds.input)).toEqual([0, 1, 2, 10, 11, 12, 100, 101, 102, 110, 111, 112])
    expect(feeds.mask).toEqual({ type: 'bool', dims: [2, 2], data: Uint8Array.of(1, 0, 0, 1) })
    await data.close()
  })

  it('reads what numpy.savez_compressed wrote: Fortran order, big-endian, a constant', async () => {
    // numpy 2: savez_compressed(input=asfortranarray(arange(24, dtype='>i2').reshape(2, 3, 4)), sr=int64(5))
    const path = write('numpy.npz', Buffer.from(BY_NUMPY, 'base64'))
    const inputs = [
      { name: 'input', type: 'int32', shape: ['N', 3, 4] },
      { name: 'sr', type: 'int64', shape: [] },
    ]
    const data = await open(path, inputs)
    const { feeds } = await data.batch([1, 0])
    const first = Array.from({ length: 12 }, (_, i) => i)
    expect(feeds.input?.data).toEqual(Int32Array.from([...first.map(i => i + 12), ...first]))
    expect(feeds.sr?.data).toEqual(BigInt64Array.of(5n))
    await data.close()
  })

  it('takes names of classes and text labels', async () => {
    const text = (items: string[], width: number) => {
      const points = new Uint32Array(items.length * width)
      for (const [i, item] of items.entries()) {
        points.set(
          Array.from(item, c => c.codePointAt(0) ?? 0),
          i * width,
        )
      }
      return npyBytes(`<U${width}`, [items.length], bytesOf(points))
    }
    const path = write(
      'text.npz',
      npzBytes({
        input: npyBytes('<f4', [3, 1], bytesOf(Float32Array.of(1, 2, 3))),
        labels: text(['ö', 'b', 'ö'], 4),
      }),
    )
    const data = await open(path, [floatInput(['N', 1])])
    expect(data.summary.classes).toEqual(['b', 'ö'])
    expect((await data.batch([0, 1])).labels).toEqual(Float64Array.of(1, 0))
    await data.close()
    const named = {
      input: npyBytes('<f4', [3, 1], bytesOf(Float32Array.of(1, 2, 3))),
      classes: text(['cat', 'dog'], 3),
    }
    const ok = write(
      'classes.npz',
      npzBytes({ ...named, labels: npyBytes('|u1', [3], Uint8Array.of(1, 0, 1)) }),
    )
    const classes = await open(ok, [floatInput(['N', 1])])
    expect(classes.summary.classes).toEqual(['cat', 'dog'])
    await classes.close()
    const bad = write(
      'unknown.npz',
      npzBytes({ ...named, labels: npyBytes('|u1', [3], Uint8Array.of(1, 2, 1)) }),
    )
    await expect(open(bad, [floatInput(['N', 1])])).rejects.toThrow(
      'Sample 1 has the label 2 in labels, but there are 2 classes (0 to 1).',
    )
  })

  it('feeds an array without axes to every batch', async () => {
    const path = write(
      'constant.npz',
      npzBytes({
        input: npyBytes('<f4', [2, 3], bytesOf(new Float32Array(6))),
        sr: npyBytes('<i8', [], bytesOf(BigInt64Array.of(16000n))),
      }),
    )
    const data = await open(path, [floatInput(['N', 3]), { name: 'sr', type: 'int64', shape: [] }])
    expect((await data.batch([1])).feeds.sr).toEqual({
      type: 'int64',
      dims: [],
      data: BigInt64Array.of(16000n),
    })
    await data.close()
  })

  it('moves large deflated arrays to a file that leaves no name behind', () => {
    const left = () =>
      readdirSync(tmpdir()).filter(name => name.startsWith('bantam-data-') && !name.includes('test'))
    const before = left()
    const collector = new ByteCollector(1000)
    for (let i = 0; i < 50; i++) collector.append(new Uint8Array(100).fill(i))
    const store = collector.finish()
    const got = new Uint8Array(200)
    store.readInto(got, 4700)
    expect([got[0], got[100], store.size]).toEqual([47, 48, 5000])
    expect(left()).toEqual(before)
    expect(() => store.readInto(got, 4900)).toThrow('The file ends too early.')
    store.close()
  })
})

describe('npy', () => {
  it('reads one array, and labels beside it', async () => {
    const path = write('x.npy', images)
    write('x_labels.npy', labels)
    const data = await open(path, [floatInput([1, 1, 2, 2], 'pixels')])
    expect(data.summary).toMatchObject({ format: 'npy', count: 4, task: 'classification' })
    expect(data.summary.notes[0]?.message).toBe(
      'Names differ, so arrays were matched to inputs by order: x → pixels.',
    )
    await data.close()
    const without = await open(path, [floatInput([1, 1, 2, 2], 'pixels')], { labels: null })
    expect(without.summary.task).toBe('none')
    await without.close()
  })

  it('reads back any header it is given', () => {
    const shapes = fc.array(fc.nat(9), { maxLength: 5 })
    const descrs = fc.constantFrom('<f4', '>f8', '|u1', '<i8', '|b1', '<U7', '|S3', '<f2', '>u2')
    fc.assert(
      fc.property(
        shapes,
        descrs,
        fc.boolean(),
        fc.constantFrom(1, 2, 3),
        (shape, descr, fortran, version) => {
          const bytes = npyBytes(descr, shape, new Uint8Array(0), { fortran, version: version as 1 })
          const header = parseNpyHeader(bytes, 'x')
          expect(header).toMatchObject({
            shape,
            fortran,
            bigEndian: descr[0] === '>',
            dataOffset: bytes.length,
          })
          const item = descr.includes('U') ? 28 : Number(descr.slice(2))
          expect(header.dataSize).toBe(shape.reduce((a, b) => a * b, item))
        },
      ),
      { seed: 1, numRuns: 200 },
    )
  })

  it('answers every damaged header with an error of its own', () => {
    const whole = npyBytes('<f4', [4, 2], new Uint8Array(32))
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        changes => {
          const bytes = Uint8Array.from(whole)
          for (const [at, value] of changes) bytes[at] = value
          try {
            const header = parseNpyHeader(bytes, 'x')
            expect(Number.isSafeInteger(header.dataSize)).toBe(true)
          } catch (error) {
            expect(['bad-file', 'unsupported']).toContain(toErrorData(error).code)
          }
        },
      ),
      { seed: 2, numRuns: 500 },
    )
  })
})
