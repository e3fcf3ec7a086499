/** Layers that are measured, kept in a file: an interrupted measurement goes on, and a screen shows what is there. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { QuantizeSensitivity } from '../../../shared/quantize'

const Kept = z.object({ identity: z.string(), sensitivity: QuantizeSensitivity })
const FILE = 'sensitivity.json'

/** Names what a measurement is of: with another model, data or options nothing of it can be gone on with. */
export function identityOf(about: unknown): string {
  return createHash('sha256').update(JSON.stringify(about)).digest('hex')
}

/** Keeps what is measured so far; whole or not at all. Throws the system's error. */
export async function keepSensitivity(
  folder: string,
  identity: string,
  sensitivity: QuantizeSensitivity,
): Promise<void> {
  const path = join(folder, FILE)
  await writeFile(`${path}.new`, JSON.stringify({ identity, sensitivity }))
  await rename(`${path}.new`, path)
}

/** What was kept of the same measurement; undefined where there is nothing. */
export async function keptSensitivity(
  folder: string,
  identity: string,
): Promise<QuantizeSensitivity | undefined> {
  const kept = parse(await readFile(join(folder, FILE), 'utf8').catch(() => undefined))
  return kept?.identity === identity ? kept.sensitivity : undefined
}

/** What a folder holds, of whatever it is; null where there is nothing. */
export function partialSensitivity(folder: string): QuantizeSensitivity | null {
  try {
    return parse(readFileSync(join(folder, FILE), 'utf8'))?.sensitivity ?? null
  } catch {
    return null // nothing was measured yet
  }
}

function parse(text: string | undefined): z.infer<typeof Kept> | undefined {
  if (text === undefined) return undefined
  try {
    return Kept.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}
