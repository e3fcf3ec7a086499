/** The work of `bantam demo`: the sample teacher, several variants, measured and reported. */
import { existsSync, readdirSync } from 'node:fs'
import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { openDataset } from '../../main/data/open'
import { sampleModelPath } from '../../main/data/source'
import { type TaskContext, within } from '../../main/jobs/context'
import { inspectModel } from '../../main/measure/inspect'
import { readEvidence } from '../../main/operations/evidence'
import { makeVariant } from '../../main/operations/variant'
import { reportHtml } from '../../main/report/report'
import { ratiosOf, verdicts } from '../../main/report/verdict'
import { DatasetSpec, type Device, type Step } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { formatBytes, formatDifference, formatMeasured } from '../../shared/format'
import { metricById } from '../../shared/metrics'
import { ratioText } from '../../shared/verdict'
import { requireDevice } from './device'
import { type Candidate, type Measured, measureCandidates, modelName } from './measure'
import { writeWhole } from './paths'
import { reportInput, type VariantRow, variantRow } from './report-folder'
import { columns } from './terminal'
import { threadCount } from './threads'

const SAMPLES = 200

/** What the sample study tries. Names are file names. */
const STEPS: readonly { name: string; step: Step }[] = [
  { name: 'int8', step: { technique: 'quantize.static-int8', options: { samples: SAMPLES } } },
  {
    name: 'int8-per-tensor',
    step: { technique: 'quantize.static-int8', options: { samples: SAMPLES, perChannel: false } },
  },
  {
    name: 'int8-entropy',
    step: { technique: 'quantize.static-int8', options: { samples: SAMPLES, calibration: 'entropy' } },
  },
  { name: 'int8-dynamic', step: { technique: 'quantize.dynamic-int8', options: {} } },
  { name: 'float16', step: { technique: 'quantize.float16', options: {} } },
]

interface Options {
  seed: number
  threads: number
  device: Device
  runs?: number
}

export interface DemoResult {
  document: { out: string; report: string; reference: string; variants: VariantRow[] }
  measured: Measured[]
  sentences: string[]
}

/** Runs the sample study into `folder`, which must be new, empty, or that of an earlier demo. */
export async function runDemo(folder: string, options: Options, context: TaskContext): Promise<DemoResult> {
  await requireDevice(options.device)
  await prepareFolder(folder)
  const teacher = join(folder, 'teacher.onnx')
  await copyFile(sampleModelPath('digits'), teacher)
  const { inputs } = await inspectModel(teacher)
  const dataset = await openDataset(DatasetSpec.parse({ source: 'sample:digits' }), inputs)
  const generatedAt = new Date().toISOString()
  try {
    const candidates: Candidate[] = [{ path: teacher, name: modelName(teacher), evidence: null }]
    for (const [i, { name, step }] of STEPS.entries()) {
      const out = join(folder, `${name}.onnx`)
      const part = within(context, (0.4 * i) / STEPS.length, (0.4 * (i + 1)) / STEPS.length)
      const calibration = { dataset, indices: dataset.indices('calibration').slice(0, SAMPLES) }
      const threads = await threadCount(options.threads)
      await makeVariant(
        { parent: teacher, step, seed: options.seed, calibration, out, threads, device: options.device },
        part,
      )
      candidates.push({ path: out, name, evidence: await readEvidence(out) })
    }
    const { measured, benchmark } = await measureCandidates(
      candidates,
      {
        dataset,
        split: 'test',
        batches: [1, 32],
        threads: [options.threads || 1],
        device: options.device,
        speed: true,
        createdAt: generatedAt,
        ...(options.runs ? { runs: options.runs } : {}),
      },
      within(context, 0.4, 1),
    )
    const input = reportInput('Handwritten digits', measured, dataset, benchmark, generatedAt)
    const report = join(folder, 'report.html')
    await writeWhole(report, reportHtml(input))
    const document = { out: folder, report, reference: teacher, variants: measured.map(variantRow) }
    return { document, measured, sentences: verdicts(input) }
  } finally {
    await dataset.close()
  }
}

async function prepareFolder(folder: string): Promise<void> {
  const known = new Set([
    'teacher.onnx',
    'report.html',
    ...STEPS.flatMap(({ name }) => [`${name}.onnx`, `${name}.onnx.bantam.json`]),
  ])
  if (existsSync(folder)) {
    const strange = readdirSync(folder).find(name => !known.has(name))
    if (strange) {
      throw new BantamError('bad-option', 'The folder holds other files.', {
        where: join(folder, strange),
        action: 'Choose a new or empty folder with --out.',
      })
    }
  }
  await mkdir(folder, { recursive: true })
}

/** The study as a table, the verdict, and where the report is. */
export function describeDemo({ measured, sentences, document }: DemoResult): string {
  const reference = measured[0]?.variant
  const [accuracy, latency] = [metricById('accuracy'), metricById('latency1')]
  const rows = measured.map(({ variant }) => {
    const [share, ms] = [accuracy.read(variant), latency.read(variant)]
    const ratio = reference && ratiosOf(null, reference, variant)[0]
    const difference = variant.evaluation?.differences.find(d => d.metric === 'accuracy')
    return [
      variant.name,
      formatBytes(variant.summary.sizeBytes),
      share ? formatMeasured(share, accuracy.unit) : '',
      difference ? formatDifference(difference, 'share') : '',
      ms ? formatMeasured(ms, latency.unit) : '',
      ratio ? ratioText(ratio) : '',
    ]
  })
  const header = [
    'variant',
    'size',
    'accuracy (95 % interval)',
    'against the teacher',
    'latency, batch 1',
    '',
  ]
  return [columns([header, ...rows], [1]), '', ...sentences, '', `Report: ${document.report}`].join('\n')
}
