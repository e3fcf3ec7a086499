import type { InspectedRef } from '../jobs/protocol'
import { modelRef } from '../jobs/work/lookup'
import { readModelSummary } from '../workspace/models'
import type { Workspace } from '../workspace/workspace'

/** A variant's file with what is known of it. Throws `not-found`. */
export function inspected(workspace: Workspace, variant: string): InspectedRef {
  const model = modelRef(workspace, variant)
  const { parameters, macs, sizeBytes, inputs, outputs } = readModelSummary(workspace, model.hash)
  return { ...model, summary: { parameters, macs, sizeBytes, inputs, outputs } }
}
