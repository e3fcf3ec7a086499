import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { commandReference } from './docs'

it('docs/CLI.md holds the reference of the commands as they are', async () => {
  const reference = await commandReference()
  expect(reference).toContain('`--per-channel`')
  expect(reference.match(/^### `bantam /gm)).toHaveLength(14)
  // When this fails: node scripts/make-cli-docs.mjs
  expect(readFileSync('docs/CLI.md', 'utf8')).toContain(`\n${reference}\n`)
})
