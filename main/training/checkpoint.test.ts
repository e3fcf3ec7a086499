import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Checkpoint, readCheckpoint, removeCheckpoint, writeCheckpoint } from './checkpoint'
import { METRIC_INFO } from './metric'
import { emptySums } from './record'
import { inspectProblem } from './testing-errors'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bantam-checkpoint-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

function checkpoint(step = 3, size = 64): Checkpoint {
  return {
    state: {
      version: 1,
      identity: 'mine',
      epoch: 1,
      step,
      record: {
        technique: 'train.labels',
        parts: ['labels'],
        metric: METRIC_INFO.accuracy,
        teacher: null,
        totalEpochs: 2,
        stepsPerEpoch: 5,
        samples: { train: 10, validation: 2 },
        trainableParameters: 7,
        points: [],
        epochs: [],
        best: { epoch: 0, metric: 0.1 + 0.2 },
        samplesPerSecond: 1e-300,
        device: 'cpu',
        ended: null,
        notes: ['ü'],
      },
      sums: emptySums(1),
      firstLoss: 1 / 3,
      epochLoss: 0.1,
      epochSeconds: 2,
      waited: 0,
      lossScale: 1,
      cleanSteps: 0,
      bestValidation: { loss: null, metric: Number.MAX_VALUE },
    },
    blobs: {
      optimizer: Uint8Array.from({ length: size }, (_, i) => i % 251),
      statistics: new Uint8Array(),
      best: Uint8Array.of(1, 2, 3),
    },
  }
}

const place = () => join(folder, 'checkpoint')

describe('a checkpoint', () => {
  it('comes back as it was, to the last bit of every number, and leaves one file', async () => {
    await writeCheckpoint(folder, checkpoint())
    expect(await readCheckpoint(folder, 'mine')).toEqual(checkpoint())
    expect(readdirSync(folder)).toEqual(['checkpoint'])
    await writeCheckpoint(folder, checkpoint(4))
    expect((await readCheckpoint(folder, 'mine'))?.state.step).toBe(4)
    await removeCheckpoint(folder)
    expect(readdirSync(folder)).toEqual([])
    expect(await readCheckpoint(folder, 'mine')).toBeUndefined()
  })

  it('of another run is not taken up', async () => {
    await writeCheckpoint(folder, checkpoint())
    expect(await inspectProblem(readCheckpoint(folder, 'yours'))).toEqual({
      code: 'conflict',
      message: 'The checkpoint belongs to a training with other options, model or data.',
      where: place(),
      action: 'Give the same options as before, or remove the checkpoint to start anew.',
    })
  })

  const damaged = {
    code: 'bad-file',
    message: 'The checkpoint is damaged.',
    action: 'Remove it to start the training anew.',
  }

  it('cut off at any byte is refused', async () => {
    await writeCheckpoint(folder, checkpoint())
    const whole = readFileSync(place())
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(place(), whole.subarray(0, length))
      expect(await inspectProblem(readCheckpoint(folder, 'mine'))).toMatchObject(damaged)
    }
  })

  it('with any byte changed, or more of them, is refused', async () => {
    await writeCheckpoint(folder, checkpoint())
    const whole = readFileSync(place())
    for (let at = 0; at < whole.length; at++) {
      const changed = Buffer.from(whole)
      changed[at] = (changed[at] ?? 0) ^ 1
      writeFileSync(place(), changed)
      expect(await inspectProblem(readCheckpoint(folder, 'mine'))).toMatchObject(damaged)
    }
    writeFileSync(place(), Buffer.concat([whole, Buffer.of(0)]))
    expect(await inspectProblem(readCheckpoint(folder, 'mine'))).toMatchObject(damaged)
    writeFileSync(place(), 'something else altogether, and long enough to hold a sum of itself at its end')
    expect(await inspectProblem(readCheckpoint(folder, 'mine'))).toMatchObject(damaged)
  })

  it('stays when its successor cannot be written', async () => {
    await writeCheckpoint(folder, checkpoint())
    // A folder where the new file would be: nobody can open it for writing, root included.
    mkdirSync(join(folder, 'checkpoint.new', 'taken'), { recursive: true })
    await expect(writeCheckpoint(folder, checkpoint(4))).rejects.toThrow()
    expect((await readCheckpoint(folder, 'mine'))?.state.step).toBe(3)
  })

  it.skipIf(process.platform !== 'linux' || process.getuid?.() !== 0)(
    'stays when the disk is full, and nothing of the new one does',
    async context => {
      const disk = join(folder, 'disk')
      mkdirSync(disk)
      const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk])
      if (mounted.status !== 0) return context.skip()
      try {
        await writeCheckpoint(disk, checkpoint(3, 20_000))
        const error = await writeCheckpoint(disk, checkpoint(4, 60_000)).catch((e: unknown) => e)
        expect(error).toMatchObject({ code: 'ENOSPC' })
        expect((await readCheckpoint(disk, 'mine'))?.state.step).toBe(3)
        expect(readdirSync(disk)).toEqual(['checkpoint'])
      } finally {
        spawnSync('umount', [disk])
      }
    },
  )

  it.skipIf(process.platform === 'win32' || process.getuid?.() === 0)(
    'stays when its folder may not be written',
    async () => {
      await writeCheckpoint(folder, checkpoint())
      chmodSync(folder, 0o500)
      try {
        await expect(writeCheckpoint(folder, checkpoint(4))).rejects.toMatchObject({ code: 'EACCES' })
        expect(existsSync(place())).toBe(true)
      } finally {
        chmodSync(folder, 0o700)
      }
      expect((await readCheckpoint(folder, 'mine'))?.state.step).toBe(3)
    },
  )
})
