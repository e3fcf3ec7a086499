/**
 * Picture files → pixels, through libvips. The picture is turned upright by its EXIF orientation; transparency is
 * dropped as Pillow's `convert("RGB")` does (the colour under it stays); 16-bit values keep their upper 8 bits; CMYK and
 * other colour spaces become sRGB; of an animation the first frame is taken.
 */
import type { Sharp } from 'sharp'
import { BantamError } from '../../shared/errors'
import type { Pixels } from './pixels'

/** Larger pictures are refused: a few kilobytes can decode to gigabytes. */
const PIXEL_LIMIT = 100_000_000
/** Pictures decoded at a time: each may take 3 bytes per pixel. */
const CONCURRENCY = 4
const PREVIEW_SIDE = 1024

/** Decodes a picture file to 8-bit RGB. Throws `bad-data` naming the file. */
export async function readPixels(path: string, name: string): Promise<Pixels> {
  return decoding(name, async () => {
    const { data, info } = await (await open(path))
      .autoOrient()
      .removeAlpha()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true })
    const channels = info.channels === 1 ? 1 : 3
    if (info.channels !== channels) throw new Error(`it decodes to ${info.channels} channels`)
    return { width: info.width, height: info.height, channels, data }
  })
}

/** PNG of a picture file, upright, at most 1024 pixels wide and high. Throws `bad-data` naming the file. */
export async function readPng(path: string, name: string): Promise<Uint8Array> {
  return decoding(name, async () =>
    (await open(path))
      .autoOrient()
      .resize(PREVIEW_SIDE, PREVIEW_SIDE, { fit: 'inside', withoutEnlargement: true })
      .toColourspace('srgb')
      .png({ compressionLevel: 6 })
      .toBuffer(),
  )
}

/** PNG of pixels. */
export async function encodePng(pixels: Pixels): Promise<Uint8Array> {
  const { width, height, channels, data } = pixels
  const sharp = await library()
  return sharp(data, { raw: { width, height, channels } }).png().toBuffer()
}

/** libvips is loaded when the first picture comes: arrays and tables do without. */
async function library() {
  return (await import('sharp')).default
}

async function open(path: string): Promise<Sharp> {
  const sharp = await library()
  return sharp(path, { limitInputPixels: PIXEL_LIMIT, failOn: 'error', sequentialRead: true })
}

let running = 0
const waiting: (() => void)[] = []

async function decoding<T>(name: string, work: () => Promise<T>): Promise<T> {
  if (running >= CONCURRENCY) await new Promise<void>(resolve => waiting.push(resolve))
  else running++
  try {
    return await work()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    if (/exceeds pixel limit/i.test(reason)) {
      throw new BantamError('bad-data', `The picture ${name} has more than 100 million pixels.`, {
        where: name,
        action: 'Make it smaller or take it out of the folder.',
      })
    }
    throw new BantamError('bad-data', `The picture ${name} cannot be read: ${firstLine(reason)}.`, {
      where: name,
      action: 'Repair it or take it out of the folder.',
      cause,
    })
  } finally {
    // A waiting decoder takes over this one's place.
    const next = waiting.shift()
    if (next) next()
    else running--
  }
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').replace(/\.$/, '')
}
