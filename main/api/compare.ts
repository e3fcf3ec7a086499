/** Comparing variants: paired differences, ratios measured together, samples on which they differ, speed. */
import { routes, type SpeedReport } from '../../shared/contract'
import type { DatasetSpec, Difference, LatencyRatio, Prediction } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { pairedDifferences } from '../measure/differences'
import { readOutputs } from '../measure/outputs'
import { comparePredictions } from '../measure/predictions'
import { hasPictures, readDataset } from '../workspace/datasets'
import {
  latestEvaluation,
  readProfiles,
  type StoredEvaluation,
  sharedBenchmark,
} from '../workspace/measurements'
import { requireTeacher, variantCore } from '../workspace/variants'
import type { Workspace } from '../workspace/workspace'
import type { Bench } from './bench'
import { teacherInputs } from './datasets'

/** Throws `not-found`; answers with no differences when the two were not evaluated on the same data. */
export async function compareVariants(
  workspace: Workspace,
  a: string,
  b: string,
): Promise<{ differences: Difference[]; ratios: LatencyRatio[] }> {
  const [first, second] = [variantCore(workspace, a), variantCore(workspace, b)]
  const benchmark = sharedBenchmark(workspace, first.study, first.model, second.model)
  const ratios = (benchmark?.ratios ?? []).flatMap(r => oriented(r, first.model, second.model))
  const [x, y] = [latestEvaluation(workspace, a), latestEvaluation(workspace, b)]
  if (!x || !y || x.dataset !== y.dataset) return { differences: [], ratios }
  const [left, right] = await Promise.all([outputsOf(workspace, x), outputsOf(workspace, y)])
  return { differences: pairedDifferences(left, right, x.evaluation.task), ratios }
}

/** Samples on which two models are compared, with their pictures or texts. */
export async function readPredictions(
  bench: Bench,
  ask: {
    id: string
    reference?: string | undefined
    filter: 'differ' | 'broken' | 'fixed' | 'wrong' | 'all'
    offset: number
    limit: number
  },
): Promise<{ total: number; counts: Record<string, number>; items: Prediction[] }> {
  const { workspace } = bench
  const { study } = variantCore(workspace, ask.id)
  const variant = evaluated(workspace, ask.id)
  const reference = evaluated(workspace, ask.reference ?? requireTeacher(workspace, study))
  if (variant.dataset !== reference.dataset) {
    throw new BantamError('bad-data', 'The two models were not evaluated on the same data.', {
      action: 'Measure them together first.',
    })
  }
  const { classes, spec } = readDataset(workspace, variant.dataset)
  const found = comparePredictions(
    await outputsOf(workspace, reference),
    await outputsOf(workspace, variant),
    { classes, task: variant.evaluation.task, filter: ask.filter, offset: ask.offset, limit: ask.limit },
  )
  const pictures = hasPictures(workspace, variant.dataset)
  const image = (index: number) => (pictures ? routes.sampleImage(variant.dataset, index) : null)
  const texts = await textsOf(bench, study, spec, found.items)
  const items = found.items.map((item, i) => {
    const text = texts?.[i]
    return { ...item, image: image(item.index), ...(text ? { texts: text } : {}) }
  })
  return { ...found, items }
}

/** Null where the samples are no text, or can no longer be read: answers are shown without them then. */
async function textsOf(
  bench: Bench,
  study: string,
  spec: DatasetSpec,
  items: readonly { index: number }[],
): Promise<string[][] | null> {
  if (spec.preprocessing?.kind !== 'text') return null
  const indices = items.map(item => item.index)
  try {
    return await bench.warm.ask('texts', { spec, inputs: teacherInputs(bench, study), indices })
  } catch (error) {
    if (error instanceof BantamError) return null
    throw error
  }
}

/** Profiles of the variant and the teacher taken in one job, with the newest ratio measured under their conditions. */
export function readSpeed(workspace: Workspace, id: string): SpeedReport | null {
  const { study } = variantCore(workspace, id)
  const profiles = readProfiles(workspace, id)
  if (!profiles) return null
  const { reference, variant } = profiles
  const benchmark = sharedBenchmark(workspace, study, reference.model, variant.model)
  const ratio = benchmark?.ratios.find(
    r =>
      r.a === reference.model &&
      r.b === variant.model &&
      r.batch === variant.batch &&
      r.threads === variant.threads,
  )
  return { ...profiles, ratio: ratio ?? null }
}

/** A ratio of b to a; one measured the other way round is turned: its inverse has the inverse interval. */
function oriented(r: LatencyRatio, a: string, b: string): LatencyRatio[] {
  if (r.a === a && r.b === b) return [r]
  if (r.a !== b || r.b !== a) return []
  return [{ ...r, a, b, ratio: 1 / r.ratio, low: 1 / r.high, high: 1 / r.low }]
}

function evaluated(workspace: Workspace, id: string): StoredEvaluation {
  const stored = latestEvaluation(workspace, id)
  if (stored) return stored
  throw new BantamError('not-found', `${variantCore(workspace, id).name} was not evaluated yet.`, {
    action: 'Add data, or measure it.',
  })
}

function outputsOf({ store }: Workspace, { outputs }: StoredEvaluation): ReturnType<typeof readOutputs> {
  return readOutputs(store.path(outputs))
}
