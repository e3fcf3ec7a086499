import { fileName } from '../jobs/work/files'
import { comparisonCsv, comparisonJson } from '../report/table'
import { restoreDataset } from '../workspace/datasets'
import * as studies from '../workspace/studies'
import { restoreVariant } from '../workspace/variants'
import { bytesArtifact } from './artifact'
import type { Bench } from './bench'
import { procedure } from './procedure'
import { openSample } from './sample'

export function studiesRouter(bench: Bench) {
  const { workspace, bus } = bench
  const changed = (id: string) => {
    bus.publish({ type: 'study', id })
    bus.publish({ type: 'studies' })
  }
  return procedure.studies.router({
    list: procedure.studies.list.handler(() => studies.listStudies(workspace)),
    get: procedure.studies.get.handler(({ input }) => studies.readStudy(workspace, input.id)),
    create: procedure.studies.create.handler(({ input }) => {
      const study = studies.createStudy(workspace, input.name)
      bus.publish({ type: 'studies' })
      return study
    }),
    sample: procedure.studies.sample.handler(({ input }) => openSample(bench, input.name)),
    rename: procedure.studies.rename.handler(({ input }) => {
      const study = studies.renameStudy(workspace, input.id, input.name)
      changed(input.id)
      return study
    }),
    remove: procedure.studies.remove.handler(({ input }) => {
      studies.removeStudy(workspace, input.id)
      bench.queue.cancelStudy(input.id)
      changed(input.id)
      return {}
    }),
    restore: procedure.studies.restore.handler(({ input }) => {
      changed(restore(bench, input.kind, input.id))
      return {}
    }),
    table: procedure.studies.table.handler(async ({ input }) => {
      const study = studies.readStudy(workspace, input.id)
      const text = input.format === 'csv' ? comparisonCsv(study.variants) : comparisonJson(study.variants)
      return bytesArtifact(workspace, {
        name: `${fileName(study.name)}.${input.format}`,
        mime: input.format === 'csv' ? 'text/csv; charset=utf-8' : 'application/json',
        bytes: new TextEncoder().encode(text),
      })
    }),
    report: procedure.studies.report.handler(({ input }) => {
      const { name } = studies.studyHead(workspace, input.id)
      return bench.queue.enqueue(input.id, `Report of ${name}`, { kind: 'report', study: input.id })
    }),
  })
}

/** Answers with the id of the study concerned. */
function restore({ workspace }: Bench, kind: 'study' | 'variant' | 'dataset', id: string): string {
  if (kind === 'variant') return restoreVariant(workspace, id)
  if (kind === 'dataset') return restoreDataset(workspace, id)
  studies.restoreStudy(workspace, id)
  return id
}
