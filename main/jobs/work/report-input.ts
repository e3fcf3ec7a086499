/** Everything a report says about a study, gathered from the workspace. */
import type { ReportInput } from '../../report/input'
import { VERSION } from '../../version'
import { latestBenchmark, latestEvaluation, readProfiles } from '../../workspace/measurements'
import { readStudy } from '../../workspace/studies'
import { readPlan } from '../../workspace/variants'
import { now, type Workspace } from '../../workspace/workspace'

/** Throws `not-found`. */
export function reportInput(workspace: Workspace, id: string): ReportInput {
  const { name, variants, datasets } = readStudy(workspace, id)
  return {
    study: { name },
    variants: variants.map(variant => ({
      variant,
      evaluation: latestEvaluation(workspace, variant.id)?.evaluation ?? null,
      plan: readPlan(workspace, variant.id),
      profile: readProfiles(workspace, variant.id)?.variant ?? null,
    })),
    datasets,
    benchmark: latestBenchmark(workspace, id),
    generatedAt: now(),
    bantam: VERSION,
  }
}
