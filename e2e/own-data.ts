/** A model and a folder of pictures as a person might bring them, made from the sample in other forms. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import sharp from 'sharp'
import { openDataset } from '../main/data/open'
import { root } from './launch'

export interface OwnFiles {
  readonly model: string
  /** The first half of a model. */
  readonly broken: string
  /** One folder of PNG files per class. */
  readonly pictures: string
  remove(): void
}

/** The teacher of the sample, which reads digits well. */
export const TEACHER = join(root, 'samples/digits-teacher.onnx')
/**
 * A sixteenth of it, which is imported, trained and measured in a fraction of the time. Made with
 * `bantam distill --teacher samples/digits-teacher.onnx --student slim:0.25 --data sample:digits#0:6000 --epochs 6`.
 */
export const SMALL = join(root, 'e2e/small-reader.onnx')

/** `count` digits as PNG files in class folders, and a model that reads them under another name. */
export async function makeOwnFiles(count: number, reader = SMALL): Promise<OwnFiles> {
  const folder = mkdtempSync(join(tmpdir(), 'bantam-own-'))
  const model = join(folder, 'reader.onnx')
  copyFileSync(reader, model)
  const broken = join(folder, 'broken.onnx')
  const whole = readFileSync(TEACHER)
  writeFileSync(broken, whole.subarray(0, whole.length / 2))
  const pictures = join(folder, 'digits')
  const input = { name: 'input', type: 'float32', shape: ['batch', 1, 28, 28] }
  const dataset = await openDataset(
    { source: 'sample:digits', inputs: {}, split: { seed: 0, train: 0.6, calibration: 0.1, test: 0.3 } },
    [input],
  )
  const indices = dataset.indices('test').subarray(0, count)
  const { labels } = await dataset.batch(indices)
  for (let i = 0; i < indices.length; i++) {
    const png = await dataset.picture(indices[i] ?? 0)
    const name = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'][
      labels?.[i] ?? 0
    ]
    // The teacher's classes are in numeric order; class folders are sorted by name.
    const className = `${labels?.[i]}-${name}`
    mkdirSync(join(pictures, className), { recursive: true })
    if (png)
      await sharp(png)
        .resize(28, 28, { kernel: 'nearest' })
        .grayscale()
        .png()
        .toFile(join(pictures, className, `${i}.png`))
  }
  await dataset.close()
  return { model, broken, pictures, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
