import { expect, test } from 'vitest'
import type { PruneSensitivity } from '../../shared/prune'
import { addChild, inFolder, makeStudy } from './fixture'
import { putSensitivity, readSensitivity } from './sensitivities'
import { readVariant, removeVariant } from './variants'
import { openWorkspace } from './workspace'

const measured = (reference: number): PruneSensitivity => ({
  metric: 'accuracy',
  reference,
  samples: 10,
  importance: 'l2',
  curves: [],
  declined: [],
  seconds: 1,
})

test('[W15] the newest of a model on its data, gone with the model', () =>
  inFolder(folder => {
    const first = openWorkspace(folder)
    const { study, teacher } = makeStudy(first)
    const child = addChild(first, study, teacher, 'A')
    const [a, t] = [child, teacher].map(id => readVariant(first, id).model) as [string, string]
    for (const reference of [0.5, 0.75])
      putSensitivity(first, { model: a, dataset: 'd' }, 'prune', measured(reference))
    putSensitivity(first, { model: t, dataset: 'd' }, 'prune', measured(0.9))
    expect(readSensitivity(first, { model: a, dataset: 'd' }, 'prune')?.reference).toBe(0.75)
    expect(readSensitivity(first, { model: a, dataset: 'other' }, 'prune')).toBeNull()
    removeVariant(first, child)
    first.close()
    const second = openWorkspace(folder)
    expect(readSensitivity(second, { model: a, dataset: 'd' }, 'prune')).toBeNull()
    expect(readSensitivity(second, { model: t, dataset: 'd' }, 'prune')?.reference).toBe(0.9)
    second.close()
  }))
