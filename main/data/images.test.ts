import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DatasetSpec, ImagePreprocessing } from '../../shared/domain'
import { openDataset } from './open'
import { probeData } from './probe'
import { bytesOf, floatInput, npyBytes, npzBytes, tempFolder } from './testing'

const folder = tempFolder()
afterAll(() => folder.remove())

const INPUT = floatInput(['N', 3, 8, 8])
const PLAIN = ImagePreprocessing.parse({ kind: 'image', height: 8, width: 8, scale: 1, fit: 'stretch' })

function flat(r: number, g: number, b: number, width = 8, height = 8) {
  return sharp({ create: { width, height, channels: 3, background: { r, g, b } } })
}

async function put(name: string, bytes: Uint8Array | Promise<Uint8Array>): Promise<string> {
  const path = folder.file(name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, await bytes)
  return path
}

async function open(source: string, spec: Partial<DatasetSpec> = {}) {
  return openDataset(DatasetSpec.parse({ source, preprocessing: PLAIN, ...spec }), [INPUT])
}

beforeAll(async () => {
  await put('pets/cat/b.png', flat(10, 20, 30).png().toBuffer())
  await put('pets/cat/deep/a.jpg', flat(90, 90, 90).jpeg({ quality: 100 }).toBuffer())
  await put('pets/dog/a.webp', flat(40, 50, 60).webp({ lossless: true }).toBuffer())
  await put('pets/dog/notes.txt', Buffer.from('x'))
  await put('pets/.DS_Store', Buffer.from('x'))
})

describe('folders of pictures', () => {
  it('takes class folders as classes, at any depth, in order of names', async () => {
    const data = await open(folder.file('pets'))
    expect(data.summary).toMatchObject({
      format: 'images',
      count: 3,
      classes: ['cat', 'dog'],
      classCounts: [2, 1],
      inputs: [{ name: 'input', shape: [3, 8, 8] }],
    })
    expect(data.summary.notes.map(n => n.message)).toEqual([
      '1 file was left out: not jpg, png or webp.',
      'There are too few samples for the calibration split.',
    ])
    const { feeds, labels } = await data.batch([2, 0])
    expect(labels).toEqual(Float64Array.of(1, 0))
    const values = feeds.input?.data as Float32Array
    expect([values[0], values[64], values[128], values[192], values[256], values[320]]).toEqual([
      40, 50, 60, 10, 20, 30,
    ])
    const preview = await data.preview(1)
    expect(preview).toMatchObject({ label: 'cat', tensors: [{ min: 90, max: 90, mean: 90 }] })
    expect(preview.image).toMatch(/^data:image\/png;base64,/)
    await data.close()
    const copy = folder.file('pets-copy')
    cpSync(folder.file('pets'), copy, { recursive: true })
    const again = await open(copy)
    expect(again.summary.hash).toBe(data.summary.hash)
  })

  it('shows the tensor that the model gets, from its smallest value to its largest', async () => {
    const levels = async (preprocessing: ImagePreprocessing, index: number) => {
      const data = await open(folder.file('pets'), { preprocessing })
      const { seen } = await data.preview(index)
      await data.close()
      if (!seen) throw new Error('nothing is seen')
      const png = Buffer.from(seen.replace('data:image/png;base64,', ''), 'base64')
      const pixels = await sharp(png).raw().toBuffer({ resolveWithObject: true })
      expect(pixels.info).toMatchObject({ width: 8, height: 8, channels: 3 })
      return [...pixels.data.subarray(0, 3)]
    }
    // Sample 2 is (40, 50, 60) everywhere: 40 is the least and 60 the most, whatever scale and mean do to all alike.
    expect(await levels(PLAIN, 2)).toEqual([0, 128, 255])
    expect(await levels({ ...PLAIN, scale: 1 / 255, mean: [0.5], std: [0.5] }, 2)).toEqual([0, 128, 255])
    expect(await levels({ ...PLAIN, channels: 'bgr' }, 2)).toEqual([255, 128, 0])
    // A deviation of its own per channel shows: 40, 5 and 60.
    expect(await levels({ ...PLAIN, std: [1, 10, 1] }, 2)).toEqual([162, 0, 255])
    // Sample 1 is 90 everywhere: nothing to stretch.
    expect(await levels(PLAIN, 1)).toEqual([0, 0, 0])
  })

  it('suggests preprocessing with a note, and opens a flat folder without labels', async () => {
    const probe = await probeData(folder.file('pets/cat/deep'), [INPUT])
    expect(probe).toMatchObject({
      format: 'images',
      count: 1,
      classes: [],
      suggestion: { task: 'none', labels: null },
    })
    expect(probe.suggestion.preprocessing).toMatchObject({ kind: 'image', width: 8, layout: 'NCHW' })
    expect(probe.notes.map(n => n.code)).toEqual(['preprocessing-guess'])
    expect(probe.fields).toEqual([{ name: 'image', type: 'uint8', shape: ['height', 'width', 3] }])
    await expect(open(folder.file('pets/cat/deep'), { task: 'classification' })).rejects.toThrow(
      'The data has no labels, which classification needs.',
    )
  })

  it('turns pictures upright, drops transparency and reads gray and 16 bits', async () => {
    const left = Buffer.concat([Buffer.alloc(96, 255), Buffer.alloc(96, 0)])
    const turned = sharp(left, { raw: { width: 8, height: 8, channels: 3 } }).withMetadata({ orientation: 6 })
    await put('kinds/a.jpg', turned.jpeg({ quality: 100 }).toBuffer())
    const clear = {
      create: { width: 8, height: 8, channels: 4, background: { r: 200, g: 100, b: 50, alpha: 0.5 } },
    } as const
    await put('kinds/b.png', sharp(clear).png().toBuffer())
    await put('kinds/c.png', flat(77, 77, 77).toColourspace('b-w').png().toBuffer())
    const deep = Uint16Array.from({ length: 64 }, () => 0x8040)
    await put(
      'kinds/d.png',
      sharp(deep, { raw: { width: 8, height: 8, channels: 1 } })
        .toColourspace('grey16')
        .png()
        .toBuffer(),
    )
    expect((await sharp(folder.file('kinds/d.png')).metadata()).depth).toBe('ushort')
    const data = await open(folder.file('kinds'))
    const { feeds } = await data.batch([0, 1, 2, 3])
    const values = feeds.input?.data as Float32Array
    // White was above; the orientation turns it to the right.
    expect([values[0], values[7]]).toEqual([0, 255])
    expect([values[192], values[256], values[320]]).toEqual([200, 100, 50])
    expect([values[384], values[448], values[512]]).toEqual([77, 77, 77])
    expect([values[576], values[640], values[704]]).toEqual([128, 128, 128])
  })

  it('names pictures that cannot be read', async () => {
    await put('bad/a/ok.png', flat(1, 2, 3).png().toBuffer())
    await put('bad/a/text.png', Buffer.from('this is no picture'))
    const whole = readFileSync(folder.file('pets/cat/deep/a.jpg'))
    await put('bad/b/cut.jpg', whole.subarray(0, whole.length - 40))
    const data = await open(folder.file('bad'))
    await expect(data.batch([1])).rejects.toThrow(
      'The picture a/text.png cannot be read: Input file contains unsupported image format.',
    )
    await expect(data.batch([0, 1, 2])).rejects.toMatchObject({ code: 'bad-data', where: 'a/text.png' })
    await expect(data.batch([2])).rejects.toThrow(/^The picture b\/cut\.jpg cannot be read: /)
    expect((await data.batch([0])).labels).toEqual(Float64Array.of(0))
  })

  it('refuses a small file that claims a huge picture', async () => {
    const bytes = Buffer.from(readFileSync(folder.file('pets/cat/b.png')))
    bytes.writeUInt32BE(60_000, 16)
    bytes.writeUInt32BE(60_000, 20)
    bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29)
    await put('bomb/a.png', bytes)
    const data = await open(folder.file('bomb'))
    await expect(data.batch([0])).rejects.toThrow('The picture a.png has more than 100 million pixels.')
  })

  it('follows links inside the folder only', async () => {
    await put('links/a/x.png', flat(1, 1, 1).png().toBuffer())
    symlinkSync(folder.file('links/a/x.png'), folder.file('links/a/y.png'))
    symlinkSync(folder.file('pets/cat/b.png'), folder.file('links/a/outside.png'))
    symlinkSync(folder.file('links'), folder.file('links/a/loop'))
    symlinkSync(folder.file('gone.png'), folder.file('links/a/gone.png'))
    const data = await open(folder.file('links'))
    expect(data.summary.count).toBe(2)
    expect(data.summary.notes.map(n => n.message)).toContain(
      '2 files were left out: a link that ends outside the folder.',
    )
  })

  it('takes the order of classes.txt, and refuses classes it does not know', async () => {
    for (const name of ['10', '9', '2']) await put(`numbers/${name}/a.png`, flat(1, 1, 1).png().toBuffer())
    const text = await open(folder.file('numbers'))
    expect(text.summary.classes).toEqual(['10', '2', '9'])
    expect(text.summary.notes.map(n => n.code)).toEqual(['class-order', 'empty-split'])
    await put('numbers/classes.txt', Buffer.from('2\n9\n10\n11\n'))
    const listed = await open(folder.file('numbers'))
    expect(listed.summary.classes).toEqual(['2', '9', '10', '11'])
    expect(listed.summary.notes.map(n => n.message)).toEqual([
      'No pictures of 11.',
      'There are too few samples for the calibration split.',
    ])
    await put('numbers/classes.txt', Buffer.from('2\n9\n'))
    await expect(open(folder.file('numbers'))).rejects.toThrow('The class folder 10 is not in classes.txt.')
  })

  it('refuses a folder of splits and one without pictures', async () => {
    for (const split of ['train', 'val'])
      await put(`splits/${split}/cat/a.png`, flat(1, 1, 1).png().toBuffer())
    await expect(open(folder.file('splits'))).rejects.toMatchObject({
      message: 'The folder holds splits (train, val), each with class folders.',
      action: `Choose one of them, for example ${join(folder.file('splits'), 'val')}.`,
    })
    mkdirSync(folder.file('empty'))
    await expect(open(folder.file('empty'))).rejects.toThrow('The folder holds no pictures (jpg, png, webp).')
  })

  it('refuses preprocessing that does not fit', async () => {
    const pets = folder.file('pets')
    await expect(open(pets, { preprocessing: { ...PLAIN, height: 9 } })).rejects.toThrow(
      "Picture preprocessing holds samples of shape [3, 9, 8]; the model's input input wants [3, 8, 8].",
    )
    await expect(open(pets, { preprocessing: { ...PLAIN, layout: 'NHWC' } })).rejects.toThrow(
      "Picture preprocessing holds channels last (NHWC), [8, 8, 3]; the model's input input wants channels first (NCHW), [3, 8, 8].",
    )
    await expect(open(pets, { preprocessing: { ...PLAIN, mean: [1, 2] } })).rejects.toThrow(
      'mean has 2 values; the picture has 3 channels.',
    )
    await expect(open(pets, { preprocessing: { ...PLAIN, std: [0] } })).rejects.toThrow('std is 0')
    await expect(
      open(pets, { preprocessing: { kind: 'array', scale: 1, mean: [0], std: [1] } }),
    ).rejects.toThrow('Pictures need picture preprocessing.')
    const two = [INPUT, floatInput(['N', 1], 'other')]
    await expect(openDataset(DatasetSpec.parse({ source: pets }), two)).rejects.toThrow(
      'The model has 2 inputs (input, other); a folder of pictures feeds one.',
    )
  })
})

describe('arrays of pictures', () => {
  it('changes the layout of byte arrays that have channels last', async () => {
    const bytes = Uint8Array.from({ length: 2 * 8 * 8 * 3 }, (_, i) => i % 251)
    const path = await put('nhwc.npz', npzBytes({ input: npyBytes('|u1', [2, 8, 8, 3], bytesOf(bytes)) }))
    const asIs = { kind: 'array' as const, scale: 1, mean: [0], std: [1] }
    await expect(open(path, { preprocessing: asIs })).rejects.toMatchObject({
      message:
        "Array input holds channels last (NHWC), [8, 8, 3]; the model's input input wants channels first (NCHW), [3, 8, 8].",
      action: 'Choose picture preprocessing, which changes the layout, or transpose the array.',
    })
    const data = await openDataset(DatasetSpec.parse({ source: path }), [INPUT])
    expect(data.summary.spec.preprocessing).toMatchObject({ kind: 'image', layout: 'NCHW', width: 8 })
    const values = (await data.batch([1])).feeds.input?.data as Float32Array
    expect(values[64 + 5]).toBe(Math.fround((bytes[192 + 5 * 3 + 1] ?? 0) / 255))
    expect(
      Buffer.from((await data.picture(0)) ?? [])
        .subarray(1, 4)
        .toString(),
    ).toBe('PNG')
    await data.close()
  })
})
