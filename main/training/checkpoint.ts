/**
 * Checkpoints: all that the rest of a run depends on, in one file. Little-endian: the text "BNTMCKPT", the length of a
 * JSON header in bytes as uint32, the header, then the blobs it lists, and a SHA-256 of everything before. It is
 * written beside the last one and put in its place when it is whole on the disk: a kill or a full disk at any moment
 * leaves the last good one.
 */
import { createHash } from 'node:crypto'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { BantamError } from '../../shared/errors'
import { TrainingRecord } from '../../shared/training'

const MAGIC = 'BNTMCKPT'
const FILE = 'checkpoint'

/** Of a run after `step` steps of `epoch`. */
export const CheckpointState = z.object({
  version: z.literal(1),
  /** Of everything the run was told: a checkpoint of another run is not taken up. */
  identity: z.string(),
  /** Epochs done, and steps done in the next. */
  epoch: z.number().int(),
  step: z.number().int(),
  record: TrainingRecord,
  sums: z.object({
    steps: z.number(),
    every: z.number(),
    loss: z.number(),
    parts: z.array(z.number()),
    norm: z.number(),
  }),
  /** Loss of the first step, to tell growth from noise by; null before it. */
  firstLoss: z.number().nullable(),
  /** Sum of losses and seconds of the epoch at hand. */
  epochLoss: z.number(),
  epochSeconds: z.number(),
  /** Epochs since the best one. */
  waited: z.number().int(),
  lossScale: z.number(),
  cleanSteps: z.number().int(),
  bestValidation: z.object({ loss: z.number().nullable(), metric: z.number() }).nullable(),
})
export type CheckpointState = z.infer<typeof CheckpointState>

export interface Checkpoint {
  state: CheckpointState
  /** State of the optimizer, statistics of normalizations, best weights and statistics so far (empty: none). */
  blobs: { optimizer: Uint8Array; statistics: Uint8Array; best: Uint8Array }
}

/** Writes the checkpoint of a folder. Throws the system's error (ENOSPC among them); the last one is untouched then. */
export async function writeCheckpoint(folder: string, { state, blobs }: Checkpoint): Promise<void> {
  const lengths = Object.fromEntries(Object.entries(blobs).map(([name, blob]) => [name, blob.length]))
  const header = new TextEncoder().encode(JSON.stringify({ state, lengths }))
  const size = new Uint8Array(4)
  new DataView(size.buffer).setUint32(0, header.length, true)
  const parts = [new TextEncoder().encode(MAGIC), size, header, blobs.optimizer, blobs.statistics, blobs.best]
  const hash = createHash('sha256')
  const temporary = join(folder, `${FILE}.new`)
  try {
    const file = await open(temporary, 'w')
    try {
      for (const part of parts) {
        hash.update(part)
        await writeAll(file, part)
      }
      await writeAll(file, hash.digest())
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, join(folder, FILE))
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

async function writeAll(file: Awaited<ReturnType<typeof open>>, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at)
    at += bytesWritten
  }
}

/**
 * The checkpoint of a folder; undefined when there is none. Throws `bad-file` for one that is damaged, `conflict` when
 * it belongs to another run than `identity`.
 */
export async function readCheckpoint(folder: string, identity: string): Promise<Checkpoint | undefined> {
  const path = join(folder, FILE)
  let bytes: Buffer
  try {
    bytes = await readFile(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const body = bytes.subarray(0, -32)
  const whole = bytes.length > 44 && createHash('sha256').update(body).digest().equals(bytes.subarray(-32))
  if (!whole || body.toString('latin1', 0, 8) !== MAGIC) throw damaged(path)
  const from = 12 + body.readUInt32LE(8)
  const header = Header.safeParse(JSON.parse(body.toString('utf8', 12, from)))
  if (!header.success) throw damaged(path)
  const { state, lengths } = header.data
  if (state.identity !== identity) {
    throw new BantamError(
      'conflict',
      'The checkpoint belongs to a training with other options, model or data.',
      {
        where: path,
        action: 'Give the same options as before, or remove the checkpoint to start anew.',
      },
    )
  }
  const { optimizer, statistics, best } = lengths
  const blob = (at: number, length: number) => Uint8Array.from(body.subarray(from + at, from + at + length))
  const blobs = {
    optimizer: blob(0, optimizer),
    statistics: blob(optimizer, statistics),
    best: blob(optimizer + statistics, best),
  }
  return { state, blobs }
}

const Header = z.object({
  state: CheckpointState,
  lengths: z.object({ optimizer: z.number(), statistics: z.number(), best: z.number() }),
})

function damaged(path: string): BantamError {
  return new BantamError('bad-file', 'The checkpoint is damaged.', {
    where: path,
    action: 'Remove it to start the training anew.',
  })
}

/** Removes what `writeCheckpoint` left in a folder. */
export async function removeCheckpoint(folder: string): Promise<void> {
  await Promise.all([FILE, `${FILE}.new`].map(name => rm(join(folder, name), { force: true })))
}
