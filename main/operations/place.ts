/** Putting finished files where they belong. */
import { randomBytes } from 'node:crypto'
import { copyFile, rename, rm } from 'node:fs/promises'

/**
 * Moves files to their places, each by one rename, in the order given (what others refer to first). Files from another
 * disk are copied beside their place first. On failure nothing new is left.
 */
export async function placeFiles(moves: readonly { from: string; to: string }[]): Promise<void> {
  const ready: { from: string; to: string }[] = []
  const placed: string[] = []
  try {
    for (const move of moves) ready.push({ from: await besides(move.from, move.to), to: move.to })
    for (const { from, to } of ready) {
      await rename(from, to)
      placed.push(to)
    }
  } catch (error) {
    await Promise.all([...ready.map(m => m.from), ...placed].map(path => rm(path, { force: true })))
    throw error
  }
}

/** A file of the same content on the disk of `to`, under a name nobody has. */
async function besides(from: string, to: string): Promise<string> {
  const temporary = `${to}.${randomBytes(6).toString('hex')}.tmp`
  try {
    await rename(from, temporary)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error
    try {
      await copyFile(from, temporary)
    } catch (failure) {
      await rm(temporary, { force: true })
      throw failure
    }
    await rm(from, { force: true })
  }
  return temporary
}
