/** Every technique. Adding one: its file, its test, one line here. */
import { z } from 'zod'
import type { TechniqueInfo } from '../shared/domain'
import { BantamError } from '../shared/errors'
import { distillStudent } from './distill/distill'
import { pruneBlocks } from './prune/blocks'
import { pruneLowRank } from './prune/low-rank/low-rank'
import { pruneMagnitude } from './prune/magnitude'
import { pruneNM } from './prune/n-m'
import { pruneChannels, pruneFfn, pruneHeads } from './prune/structured'
import { quantizeQat } from './qat/qat'
import { dynamicInt8 } from './quantize/dynamic-int8'
import { float16 } from './quantize/float16'
import { mixedPrecision } from './quantize/mixed/mixed'
import { nearest } from './quantize/names'
import { staticInt8 } from './quantize/static-int8'
import { weightInt4 } from './quantize/weight-int4'
import { weightInt8 } from './quantize/weight-int8'
import type { Technique } from './technique'
import { fineTune } from './training/fine-tune'

// A technique's methods take its own options, which its own schema made: the pair is closed, whatever the schema.
export const TECHNIQUES = [
  staticInt8,
  mixedPrecision,
  dynamicInt8,
  weightInt8,
  weightInt4,
  float16,
  quantizeQat,
  pruneChannels,
  pruneFfn,
  pruneHeads,
  pruneBlocks,
  pruneMagnitude,
  pruneNM,
  pruneLowRank,
  distillStudent,
  fineTune,
] as unknown as readonly Technique[]

/** The technique of an id. Throws `bad-option` for an id that is none, naming those nearest. */
export function techniqueById(id: string): Technique {
  const technique = TECHNIQUES.find(t => t.id === id)
  if (technique) return technique
  const near = nearest(
    id,
    TECHNIQUES.map(t => t.id),
  )
  throw new BantamError('bad-option', `There is no technique ${id}.`, {
    action: `Near it are ${near.join(', ')}.`,
  })
}

/** What screen and command line need of a technique, its options as JSON Schema. */
export function techniqueInfo(technique: Technique): TechniqueInfo {
  const { id, title, summary, reference, needs } = technique
  // JSON Schema as zod writes it is an object with string keys.
  const schema = z.toJSONSchema(technique.options, { io: 'input' }) as Record<string, unknown>
  return { id, title, summary, reference, needs, schema }
}
