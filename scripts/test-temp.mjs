// Vitest global set-up: the tests of a run keep their temporary files in one folder, which goes when they end.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export function setup() {
  const outside = process.env.TMPDIR
  const folder = mkdtempSync(join(tmpdir(), 'bantam-tests-'))
  process.env.TMPDIR = folder
  return () => {
    if (outside === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = outside
    rmSync(folder, { recursive: true, force: true })
  }
}
