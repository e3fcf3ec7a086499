/** In which order repeated blocks go. */
import { create } from '@bufbuild/protobuf'
import { ValueInfoProtoSchema } from 'onnx-buf'
import { Random } from '../data/random'
import { breathe, type TaskContext } from '../jobs/context'
import { batchesOf } from '../measure/batches'
import { copyModel } from '../onnx/copy'
import { removeDead } from '../onnx/passes/remove-dead'
import { serialize } from '../onnx/write'
import { openSession, type Session } from '../runtime/session'
import { toNumbers } from '../runtime/tensor'
import { type Block, evenly, type Stage } from '../structure/blocks'
import type { Structure } from '../structure/groups'
import type { SampleSet } from '../technique'

/** Blocks that may go of each stage: at least one of it stays. */
export function removable(stage: Stage): Block[] {
  return stage.blocks.filter(block => block.removable)
}

/** Most blocks of a stage that may go. */
function most(stage: Stage): number {
  return Math.min(removable(stage).length, stage.blocks.length - 1)
}

/** Most blocks that may go in all. */
export function mostOf(stages: readonly Stage[]): number {
  return stages.reduce((sum, stage) => sum + most(stage), 0)
}

/** By rising scores, as many as may go of each stage. */
export function byScores(
  stages: readonly Stage[],
  scores: ReadonlyMap<Block, number>,
): (count: number) => Block[] {
  const order = stages
    .flatMap((stage, s) => removable(stage).map(block => ({ block, s })))
    .sort((a, b) => (scores.get(a.block) ?? 0) - (scores.get(b.block) ?? 0))
  return count => {
    const gone: Block[] = []
    const bySt = stages.map(() => 0)
    for (const { block, s } of order) {
      const stage = stages[s]
      if (gone.length === count || !stage || (bySt[s] ?? 0) >= most(stage)) continue
      bySt[s] = (bySt[s] ?? 0) + 1
      gone.push(block)
    }
    return inOrder(stages, new Set(gone))
  }
}

/** Evenly spaced blocks stay in every stage (DistilBERT, arXiv 1910.01108), stages losing alike. */
export function evenlyGone(stages: readonly Stage[]): (count: number) => Block[] {
  return count => {
    const counts = stages.map(() => 0)
    for (let i = 0; i < count; i++) {
      // The stage that would keep the largest share.
      const next = stages
        .map((stage, s) => ({ s, share: 1 - ((counts[s] ?? 0) + 1) / stage.blocks.length, stage }))
        .filter(({ stage, s }) => (counts[s] ?? 0) < most(stage))
        .sort((a, b) => b.share - a.share || a.s - b.s)[0]
      if (next) counts[next.s] = (counts[next.s] ?? 0) + 1
    }
    const gone = stages.flatMap((stage, s) => {
      const open = removable(stage)
      const fixed = stage.blocks.length - open.length
      // Those that open a stage and stay count as its first.
      const kept = new Set(evenly(stage.blocks.length, stage.blocks.length - (counts[s] ?? 0)))
      const wanted = stage.blocks.filter((block, i) => block.removable && !kept.has(i))
      const missing = (counts[s] ?? 0) - wanted.length
      const more = missing > 0 && fixed > 0 ? open.filter(b => !wanted.includes(b)).slice(0, missing) : []
      return [...wanted, ...more]
    })
    return inOrder(stages, new Set(gone))
  }
}

/** Scores from a seed: the control. */
export function randomScores(stages: readonly Stage[], seed: number): Map<Block, number> {
  const random = new Random(seed)
  return new Map(stages.flatMap(removable).map(block => [block, random.unit()]))
}

/**
 * How much a block changes what passes through it: 1 − the mean cosine of input and result per sample ("block
 * influence", ShortGPT, arXiv 2403.03853). Throws what running throws, `cancelled` between runs.
 */
export async function influences(
  structure: Structure,
  stages: readonly Stage[],
  { samples, threads }: { samples: SampleSet; threads: number },
  context: TaskContext,
): Promise<Map<Block, number>> {
  const blocks = stages.flatMap(removable)
  const values = [...new Set(blocks.flatMap(({ input, output }) => [input, output]))]
  const session = await openAt(structure, values, threads)
  const sums = new Map<Block, number>()
  let seen = 0
  try {
    const batches = batchesOf(samples, session.inputs, { most: 8 })
    for (const [done, batch] of batches.entries()) {
      await breathe(context)
      const results = await session.run((await samples.dataset.batch(batch)).feeds)
      seen += batch.length
      for (const block of blocks) {
        const [a, b] = [results[block.input], results[block.output]]
        if (!a || !b) continue
        const cosines = rowCosines(toNumbers(a), toNumbers(b), batch.length)
        sums.set(block, (sums.get(block) ?? 0) + cosines.reduce((x, y) => x + y, 0))
      }
      context.progress((done + 1) / batches.length, 'Comparing what blocks are given and give')
    }
  } finally {
    await session.close()
  }
  return new Map(blocks.map(block => [block, 1 - (sums.get(block) ?? 0) / Math.max(1, seen)]))
}

/** A session that gives these values instead of the model's outputs. */
async function openAt({ model }: Structure, values: readonly string[], threads: number): Promise<Session> {
  const copy = copyModel(model)
  copy.graph.proto.output = values.map(name => create(ValueInfoProtoSchema, { name }))
  const { model: live } = await removeDead.run(copy)
  return openSession(serialize(live), { threads }, model.directory ?? undefined)
}

function rowCosines(a: ArrayLike<number>, b: ArrayLike<number>, rows: number): number[] {
  const length = a.length / rows
  return Array.from({ length: rows }, (_, row) => {
    let [ab, aa, bb] = [0, 0, 0]
    for (let i = row * length; i < (row + 1) * length; i++) {
      const [x, y] = [a[i] ?? 0, b[i] ?? 0]
      ab += x * y
      aa += x * x
      bb += y * y
    }
    return aa > 0 && bb > 0 ? ab / Math.sqrt(aa * bb) : 0
  })
}

function inOrder(stages: readonly Stage[], gone: ReadonlySet<Block>): Block[] {
  return stages.flatMap(stage => stage.blocks).filter(block => gone.has(block))
}
