/** The sample study: real jobs on the shipped digits and their teacher, none of its results written down anywhere. */
import type { DatasetSpec, StudyHead } from '../../shared/domain'
import { sampleDescription, sampleModelPath } from '../data/source'
import type { JobRequest } from '../jobs/requests'
import { measureAll } from '../jobs/work/imports'
import { writeFact } from '../workspace/settings'
import { createStudy, sampleStudy } from '../workspace/studies'
import type { Bench } from './bench'

const NAME = 'Handwritten digits'

/** The sample study; made when it is not there. Throws `not-found` when the samples are not shipped. */
export function openSample(bench: Bench): StudyHead {
  const { workspace, queue, bus } = bench
  const known = sampleStudy(workspace)
  if (known) return known
  const teacher = sampleModelPath('digits')
  const study = createStudy(workspace, NAME, true)
  writeFact(workspace, 'sample', true)
  for (const { title, request } of steps(study.id, teacher)) queue.enqueue(study.id, title, request)
  bus.publish({ type: 'studies' })
  return study
}

function steps(study: string, path: string): { title: string; request: JobRequest }[] {
  const variant = (title: string, technique: string, options: Record<string, unknown> = {}) => ({
    title,
    request: {
      kind: 'variant',
      study,
      parent: null,
      step: { technique, options },
      name: null,
      seed: 0,
    } as const,
  })
  const spec: DatasetSpec = { ...sampleDescription('digits').spec, source: 'sample:digits' }
  return [
    {
      title: 'Import the teacher',
      request: { kind: 'import-model', study, path, name: 'Teacher', parent: null, measure: false },
    },
    {
      title: 'Import the digits',
      request: { kind: 'import-dataset', study, name: NAME, spec, measure: false },
    },
    { title: 'Measure the teacher', request: measureAll(study, []) },
    variant('Static int8', 'quantize.static-int8', { perChannel: true }),
    variant('Float16', 'quantize.float16'),
    variant('Dynamic int8', 'quantize.dynamic-int8'),
  ]
}
