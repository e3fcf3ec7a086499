/**
 * The plan of a training that may be interrupted, kept beside its checkpoints: what was measured for it (a latency, a
 * sensitivity) would come out a little different the next time, and the training could not go on.
 */
import { createHash } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { Plan, type Step } from '../../shared/domain'

const Kept = z.object({ identity: z.string(), plan: Plan })

export interface PlanRequest {
  step: Step
  seed: number
  /** Hash of the parent, and of the data learnt from. */
  parent: string
  data: string
}

/** What was kept for the same request; undefined when there is nothing. */
export async function keptPlan(folder: string, request: PlanRequest): Promise<Plan | undefined> {
  const text = await readFile(join(folder, 'plan.json'), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    const kept = Kept.parse(JSON.parse(text))
    return kept.identity === identityOf(request) ? kept.plan : undefined
  } catch {
    return undefined
  }
}

/** Keeps a plan. Throws the system's error. */
export async function keepPlan(folder: string, request: PlanRequest, plan: Plan): Promise<void> {
  const path = join(folder, 'plan.json')
  await writeFile(`${path}.new`, JSON.stringify({ identity: identityOf(request), plan }))
  await rename(`${path}.new`, path)
}

function identityOf(request: PlanRequest): string {
  return createHash('sha256').update(JSON.stringify(request)).digest('hex')
}
