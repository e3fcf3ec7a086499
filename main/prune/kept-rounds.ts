/** Rounds that are over, kept beside the checkpoint of the round at hand: an interrupted pruning goes on, not anew. */
import { createHash } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Plan } from '../../shared/domain'
import { TrainingRecord } from '../../shared/training'
import type { Model } from '../onnx/model'
import { readModel } from '../onnx/read'
import { writeModel } from '../onnx/write'
import { removeCheckpoint } from '../training/checkpoint'

const Kept = z.object({ identity: z.string(), record: TrainingRecord.nullable() })

/** Saves what a round ended with. The description comes last: with it the round is whole. */
export async function keepRound(
  folder: string,
  plan: Plan,
  round: number,
  { model, record }: { model: Model; record: TrainingRecord | null },
): Promise<void> {
  const { file, about } = pathsOf(folder, round)
  await rm(about, { force: true })
  await writeModel(model, file)
  // That of the round that is over; the next one must not find it.
  await removeCheckpoint(folder)
  await writeFile(`${about}.new`, JSON.stringify({ identity: identityOf(plan), record }))
  await rename(`${about}.new`, about)
}

/** What was saved of a round of this very plan; undefined when there is nothing, or only of another plan. */
export async function keptRound(
  folder: string,
  plan: Plan,
  round: number,
): Promise<{ model: Model; record: TrainingRecord | null } | undefined> {
  const { file, about } = pathsOf(folder, round)
  const text = await readFile(about, 'utf8').catch(() => undefined)
  const kept = text === undefined ? undefined : Kept.safeParse(JSON.parse(text)).data
  if (kept?.identity !== identityOf(plan)) return undefined
  return { model: await readModel(file), record: kept.record }
}

function pathsOf(folder: string, round: number): { file: string; about: string } {
  return { file: join(folder, `round-${round}.onnx`), about: join(folder, `round-${round}.json`) }
}

function identityOf(plan: Plan): string {
  return createHash('sha256').update(JSON.stringify(plan)).digest('hex')
}
