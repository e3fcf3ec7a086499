import { basename } from 'node:path'
import { describe, expect, test } from 'vitest'
import { narrowings } from '../distill/student-widths'
import { checkModel } from '../onnx/check'
import { readModel } from '../onnx/read'
import { tensorCount } from '../onnx/tensor'
import { REAL_MODELS } from '../onnx/testing'
import { toNumbers } from '../runtime/tensor'
import { findStructure, type Structure } from './groups'
import { holdersOfWeights } from './inner'
import { sliceGroups } from './slice'
import { difference, idle, runModel } from './testing'

/** Sizes of the text models' pictures, which the files leave open. */
const SIZES: Record<string, number[]> = { det: [1, 3, 320, 320], rec: [1, 3, 48, 320], cls: [1, 3, 48, 192] }

function parameters({ graph }: Structure['model']): number {
  return [...graph.initializers()].reduce((sum, t) => (t.dataType === 1 ? sum + tensorCount(t) : sum), 0)
}

describe.each(REAL_MODELS.map(path => [basename(path), path]))('%s', (name, path) => {
  test('runs with 70 % of its channels, or says why it keeps them', async () => {
    const structure = await findStructure(await readModel(path))
    const kept = narrowings(structure, 0.7)
    if (kept.length === 0) {
      // Voice detectors choose one of two networks by the sampling rate.
      expect(name).toMatch(/^silero_vad/)
      expect(structure.groups).toEqual([])
      expect(holdersOfWeights(structure.model)).toEqual([expect.stringMatching(/^If /)])
      return
    }
    // Only what enters and leaves is declined: colours, characters, kinds of a picture.
    const declined = structure.groups.flatMap(group => group.declined.slice(0, 1))
    for (const reason of declined) expect(reason.message).toMatch(/^It reaches the (in|out)put /)
    const keep = new Map(kept.map(({ group, keep }) => [group.id, keep]))
    const small = sliceGroups(structure, keep)
    checkModel(small)
    const share = parameters(small) / parameters(structure.model)
    expect(share).toBeGreaterThan(0.48)
    expect(share).toBeLessThan(0.6)
    const size = Object.entries(SIZES).find(([kind]) => name.includes(`_${kind}_`))?.[1] ?? []
    const shapes = new Map(structure.flow.model.graph.inputNames.map(input => [input, size]))
    const whole = await runModel(structure.model, shapes)
    const cut = await runModel(small, shapes)
    for (const [output, tensor] of Object.entries(cut)) {
      expect(tensor.dims).toEqual(whole[output]?.dims)
      expect(toNumbers(tensor).every(Number.isFinite)).toBe(true)
    }
    // What is idle may go; the noise of many layers and a softmax over 6625 characters is larger than of one.
    const exact = new Map(kept.flatMap(({ group, keep }) => (group.counted.length ? [] : [[group.id, keep]])))
    const zeroed = idle(structure, exact)
    const before = await runModel(zeroed.model, shapes)
    expect(difference(before, await runModel(sliceGroups(zeroed, exact), shapes))).toBeLessThan(1e-4)
  })
})
