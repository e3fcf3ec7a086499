import { once } from 'node:events'
import { closeSync, createWriteStream, ftruncateSync, openSync, writeSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { DatasetSpec } from '../../shared/domain'
import { checkDataset } from './check'
import { openDataset } from './open'
import { floatInput, npyBytes, quietContext, tempFolder } from './testing'

const folder = tempFolder()
afterAll(() => folder.remove())

const MB = 2 ** 20

/** Watches resident memory while `work` runs; returns the growth at the peak, in bytes. */
async function peakGrowth(work: () => Promise<void>): Promise<number> {
  const before = process.memoryUsage.rss()
  let peak = before
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss())
  }, 20)
  await work()
  clearInterval(timer)
  return Math.max(peak, process.memoryUsage.rss()) - before
}

/** A stored zip64 archive of one float32 array of zeros, as a sparse file. */
function writeSparseNpz(path: string, shape: readonly number[]): void {
  const header = Buffer.from(npyBytes('<f4', shape, new Uint8Array(0)))
  const size = header.length + shape.reduce((product, d) => product * d, 4)
  const name = Buffer.from('input.npy')
  const sizes = Buffer.alloc(20)
  sizes.writeUInt16LE(1, 0)
  sizes.writeUInt16LE(16, 2)
  sizes.writeBigUInt64LE(BigInt(size), 4)
  sizes.writeBigUInt64LE(BigInt(size), 12)
  const local = Buffer.alloc(30)
  local.writeUInt32LE(0x04034b50, 0)
  local.writeUInt16LE(45, 4)
  local.fill(255, 18, 26)
  local.writeUInt16LE(name.length, 26)
  local.writeUInt16LE(sizes.length, 28)
  const central = Buffer.alloc(46)
  central.writeUInt32LE(0x02014b50, 0)
  central.writeUInt16LE(45, 4)
  central.writeUInt16LE(45, 6)
  central.fill(255, 20, 28)
  central.writeUInt16LE(name.length, 28)
  central.writeUInt16LE(sizes.length, 30)
  const start = local.length + name.length + sizes.length
  const directory = Buffer.concat([central, name, sizes])
  const directoryAt = BigInt(start + size)
  const end64 = Buffer.alloc(56)
  end64.writeUInt32LE(0x06064b50, 0)
  end64.writeBigUInt64LE(44n, 4)
  end64.writeUInt16LE(45, 12)
  end64.writeUInt16LE(45, 14)
  end64.writeBigUInt64LE(1n, 24)
  end64.writeBigUInt64LE(1n, 32)
  end64.writeBigUInt64LE(BigInt(directory.length), 40)
  end64.writeBigUInt64LE(directoryAt, 48)
  const locator = Buffer.alloc(20)
  locator.writeUInt32LE(0x07064b50, 0)
  locator.writeBigUInt64LE(directoryAt + BigInt(directory.length), 8)
  locator.writeUInt32LE(1, 16)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.fill(255, 8, 20)
  const file = openSync(path, 'w')
  writeSync(file, Buffer.concat([local, name, sizes, header]), 0, null, 0)
  ftruncateSync(file, Number(directoryAt))
  const tail = Buffer.concat([directory, end64, locator, end])
  writeSync(file, tail, 0, tail.length, Number(directoryAt))
  closeSync(file)
}

describe('memory', () => {
  it('stays flat over a 6 GB archive (zip64)', async () => {
    const path = folder.file('huge.npz')
    const count = 10_000
    writeSparseNpz(path, [count, 3, 224, 224])
    const inputs = [floatInput(['N', 3, 224, 224])]
    const growth = await peakGrowth(async () => {
      const data = await openDataset(DatasetSpec.parse({ source: path }), inputs)
      expect(data.summary.count).toBe(count)
      let sum = 0
      for (let at = 0; at < count; at += 16) {
        const { feeds } = await data.batch(Array.from({ length: 16 }, (_, i) => at + i))
        const values = feeds.input?.data as Float32Array
        sum += values.length + (values[values.length - 1] ?? 1)
      }
      expect(sum).toBe(count * 3 * 224 * 224)
      await data.close()
    })
    expect(growth).toBeLessThan(250 * MB)
  })

  it('stays flat over a table of 400 MB', async () => {
    const path = folder.file('huge.csv')
    const out = createWriteStream(path)
    out.write(`${Array.from({ length: 50 }, (_, i) => `f${i}`).join(',')},label\n`)
    const rows = 800_000
    for (let row = 0; row < rows; ) {
      const lines = []
      for (let end = row + 2000; row < end; row++) {
        lines.push(
          `${Array.from({ length: 50 }, (_, i) => ((row * 31 + i * 17) % 9973) / 16).join(',')},${row % 7}\n`,
        )
      }
      if (!out.write(lines.join(''))) await once(out, 'drain')
    }
    out.end()
    await once(out, 'close')
    const inputs = [floatInput(['N', 50])]
    const growth = await peakGrowth(async () => {
      const data = await openDataset(DatasetSpec.parse({ source: path }), inputs)
      expect(data.summary).toMatchObject({ count: rows, task: 'classification' })
      const { classCounts } = await checkDataset(data, inputs, quietContext)
      expect(classCounts.reduce((a, b) => a + b, 0)).toBe(rows)
      await data.close()
    })
    expect(growth).toBeLessThan(250 * MB)
  })
})
