/** 8-bit pixels in rows, channels interleaved: gray, or red, green, blue. */
export interface Pixels {
  width: number
  height: number
  channels: 1 | 3
  data: Uint8Array
}

/** ITU-R 601 luma as Pillow computes it: (19595 R + 38470 G + 7471 B + 2¹⁵) / 2¹⁶. Gray stays gray. */
export function toGray(pixels: Pixels): Pixels {
  if (pixels.channels === 1) return pixels
  const { width, height, data } = pixels
  const gray = new Uint8Array(width * height)
  for (let i = 0, at = 0; i < gray.length; i++, at += 3) {
    gray[i] =
      ((data[at] ?? 0) * 19595 + (data[at + 1] ?? 0) * 38470 + (data[at + 2] ?? 0) * 7471 + 32768) >> 16
  }
  return { width, height, channels: 1, data: gray }
}

/** Gray becomes three equal channels. */
export function toRgb(pixels: Pixels): Pixels {
  if (pixels.channels === 3) return pixels
  const { width, height, data } = pixels
  const rgb = new Uint8Array(width * height * 3)
  for (let i = 0; i < data.length; i++) rgb.fill(data[i] ?? 0, i * 3, i * 3 + 3)
  return { width, height, channels: 3, data: rgb }
}

/** The part of a picture that begins at (left, top). Places outside are not allowed. */
export function crop(pixels: Pixels, left: number, top: number, width: number, height: number): Pixels {
  const { channels } = pixels
  if (left === 0 && top === 0 && width === pixels.width && height === pixels.height) return pixels
  const data = new Uint8Array(width * height * channels)
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * pixels.width + left) * channels
    data.set(pixels.data.subarray(from, from + width * channels), y * width * channels)
  }
  return { width, height, channels, data }
}
