/** The sample studies: real jobs on shipped data and their teachers, none of their results written down anywhere. */
import type { SampleName } from '../../shared/contract'
import type { DatasetSpec, StudyHead } from '../../shared/domain'
import { sampleDescription, sampleModelPath } from '../data/source'
import type { JobRequest } from '../jobs/requests'
import { measureAll } from '../jobs/work/imports'
import { writeFact } from '../workspace/settings'
import { createStudy, sampleStudy } from '../workspace/studies'
import type { Bench } from './bench'

/** What each study tries: one variant after the other, each a job. */
const VARIANTS: Record<SampleName, readonly { title: string; technique: string; options?: object }[]> = {
  digits: [
    { title: 'Static int8', technique: 'quantize.static-int8', options: { perChannel: true } },
    { title: 'Float16', technique: 'quantize.float16' },
    { title: 'Dynamic int8', technique: 'quantize.dynamic-int8' },
    {
      title: 'Student, half as wide',
      technique: 'distill.student',
      options: { student: 'slim:0.5', epochs: 5 },
    },
  ],
  spam: [
    { title: 'Dynamic int8', technique: 'quantize.dynamic-int8' },
    {
      title: 'Student of two blocks',
      technique: 'distill.student',
      options: { student: 'depth:2', epochs: 3 },
    },
  ],
}

/** A sample study; made when it is not there. Throws `not-found` when the sample is not shipped. */
export function openSample(bench: Bench, name: SampleName = 'digits'): StudyHead {
  const { workspace, queue, bus } = bench
  const known = sampleStudy(workspace, name)
  if (known) return known
  const teacher = sampleModelPath(name)
  const { title } = sampleDescription(name)
  const study = createStudy(workspace, title, name)
  writeFact(workspace, 'sample', true)
  for (const { title, request } of steps(study.id, name, teacher)) queue.enqueue(study.id, title, request)
  bus.publish({ type: 'studies' })
  return study
}

function steps(study: string, name: SampleName, path: string): { title: string; request: JobRequest }[] {
  const { title, spec: choices } = sampleDescription(name)
  const spec: DatasetSpec = { ...choices, source: `sample:${name}` }
  return [
    {
      title: 'Import the teacher',
      request: { kind: 'import-model', study, path, name: 'Teacher', parent: null, measure: false },
    },
    {
      title: `Import the data: ${title}`,
      request: { kind: 'import-dataset', study, name: title, spec, measure: false },
    },
    { title: 'Measure the teacher', request: measureAll(study, []) },
    ...VARIANTS[name].map(({ title, technique, options = {} }) => ({
      title,
      request: {
        kind: 'variant',
        study,
        parent: null,
        step: { technique, options: { ...options } },
        name: technique.startsWith('distill') ? title : null,
        seed: 0,
      } as const,
    })),
  ]
}
