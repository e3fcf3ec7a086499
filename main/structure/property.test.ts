/** Over random networks: cutting channels that do nothing changes nothing. */
import { expect, it } from 'vitest'
import { cutOf, holds, KINDS } from './testing-networks'

it(
  'leaves the outputs of any network as they are when what is cut does nothing',
  {
    timeout: 120_000,
  },
  () => holds(30),
)

it('finds something to cut behind every kind of layer', { timeout: 60_000 }, async () => {
  for (const kind of KINDS) {
    const { structure, change } = await cutOf([kind, 'conv'], 5)
    expect([kind, structure.groups.filter(group => group.declined.some(reason => reason.node))]).toEqual([
      kind,
      [],
    ])
    expect(change).toBeLessThan(1e-5)
  }
})
