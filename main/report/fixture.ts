/** A small study with made-up numbers, for the tests of the report. */
import type { Benchmark, BenchmarkRow, Evaluation, Profile, Variant } from '../../shared/domain'
import type { ReportInput, ReportVariant } from './input'

const HARDWARE = {
  cpu: 'Test CPU',
  physicalCores: 2,
  logicalCores: 4,
  features: ['avx2'],
  memoryBytes: 8e9,
  os: 'Test OS',
  arch: 'x64',
  gpus: [],
  node: '20.20.2',
  onnxruntime: '1.30.0',
}

/** A variant of the made-up study. */
export function makeVariant(id: string, changes: Partial<Variant> = {}): Variant {
  return {
    id,
    studyId: 'study',
    name: id,
    parentId: 'teacher',
    model: `hash-${id}`,
    summary: {
      hash: `hash-${id}`,
      sizeBytes: 1_000_000,
      opset: 17,
      opsets: { '': 17 },
      producer: 'test',
      inputs: [{ name: 'input', type: 'float32', shape: ['N', 1, 28, 28] }],
      outputs: [{ name: 'logits', type: 'float32', shape: ['N', 2] }],
      parameters: 250_000,
      macs: 5_000_000,
      unknownCost: {},
      nodes: 12,
      operators: { Conv: 4 },
      notes: [],
    },
    step: { technique: 'quantize.static-int8', options: { perChannel: true } },
    seed: 7,
    plan: { digest: `digest-${id}`, notes: [] },
    verification: {
      loads: true,
      parity: { samples: 8, cosine: 0.9991, maxAbs: 0.02, sqnr: 31.5 },
      notes: [],
    },
    evaluation: null,
    benchmark: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    ...changes,
  }
}

/** An evaluation of a two-class model; `difference` is accuracy minus the reference's. */
export function makeEvaluation(accuracy: number, difference?: [number, number, number, number]): Evaluation {
  return {
    model: 'hash',
    data: { hash: 'data-hash', source: 'sample:digits', split: 'test', count: 1000 },
    task: 'classification',
    metrics: { accuracy: { value: accuracy, low: accuracy - 0.01, high: accuracy + 0.01 } },
    perClass: [
      { name: 'cat', count: 500, precision: 0.9, recall: 0.8, f1: 0.85 },
      { name: 'dog', count: 500, precision: 0.85, recall: 0.9, f1: 0.87 },
    ],
    confusion: [
      [400, 100],
      [50, 450],
    ],
    ...(difference ? { reference: 'hash-teacher' } : {}),
    agreement: difference
      ? [{ output: 'logits', cosine: 0.999, maxAbs: 0.1, sqnr: 30, kl: 0.001, top1: 0.99 }]
      : [],
    differences: difference
      ? [
          {
            metric: 'accuracy',
            value: difference[0],
            low: difference[1],
            high: difference[2],
            p: difference[3],
            test: 'exact McNemar',
            shown: difference[1] > 0 || difference[2] < 0,
          },
        ]
      : [],
    seconds: 1,
    notes: [],
  }
}

/** A profile with the given microseconds per operator. */
export function makeProfile(times: Record<string, number>): Profile {
  const total = Object.values(times).reduce((a, b) => a + b, 0)
  return {
    model: 'hash',
    batch: 1,
    threads: 1,
    device: 'cpu',
    runs: 50,
    totalUs: total * 1.1,
    kernelUs: total,
    nodes: [],
    byOperator: Object.entries(times).map(([op, us]) => ({ op, us, count: 2 })),
    shares: { int8: 0.8, quantizeDequantize: 0.1, conversion: 0.05 },
  }
}

function row(model: string, median: number): BenchmarkRow {
  const latencyMs = {
    median,
    p90: median * 1.2,
    p99: median * 1.5,
    iqr: 0.1,
    low: median * 0.98,
    high: median * 1.02,
    runs: 200,
  }
  return {
    model,
    device: 'cpu',
    batch: 1,
    threads: 1,
    latencyMs,
    throughput: 1000 / median,
    loadMs: 12,
    peakMemoryBytes: 9e7,
    energyJ: null,
  }
}

/** Teacher, a good int8 variant (faster, no loss shown) and a bad one (slower, a loss shown). */
export function makeReportInput(): ReportInput {
  const benchmark: Benchmark = {
    hardware: HARDWARE,
    rows: [row('hash-teacher', 2), row('hash-good', 1), row('hash-bad', 6)],
    ratios: [
      { a: 'hash-teacher', b: 'hash-good', batch: 1, threads: 1, ratio: 0.5, low: 0.48, high: 0.52 },
      { a: 'hash-teacher', b: 'hash-bad', batch: 1, threads: 1, ratio: 3, low: 2.9, high: 3.1 },
    ],
    energy: { available: false, source: 'no counter can be read on this machine' },
    notes: [],
  }
  const shown = (id: string) => ({
    rows: benchmark.rows.filter(r => r.model === `hash-${id}`),
    ratios: benchmark.ratios.filter(r => r.b === `hash-${id}`),
    at: '2026-01-01T00:00:00.000Z',
  })
  const make = (
    id: string,
    evaluation: Evaluation,
    sizeBytes: number,
    times: Record<string, number>,
  ): ReportVariant => {
    const base = makeVariant(id)
    const teacher = id === 'teacher'
    return {
      variant: {
        ...base,
        ...(teacher ? { parentId: null, step: null, plan: null, verification: null } : {}),
        summary: { ...base.summary, sizeBytes },
        evaluation,
        benchmark: shown(id),
      },
      evaluation,
      plan: teacher
        ? null
        : {
            technique: 'quantize.static-int8',
            version: 1,
            seed: 7,
            options: { perChannel: true, exclude: ['head'] },
            decisions: {},
            notes: [
              {
                code: 'left-float',
                severity: 'info',
                message: 'Left in float: excluded by hand.',
                node: 'head',
              },
              {
                code: 'left-float',
                severity: 'info',
                message: 'Left in float: excluded by hand.',
                node: 'tail',
              },
            ],
          },
      profile: makeProfile(times),
    }
  }
  return {
    study: { name: 'Digits' },
    variants: [
      make('teacher', makeEvaluation(0.98), 1_000_000, { Conv: 1500, Gemm: 200 }),
      make('good', makeEvaluation(0.979, [-0.001, -0.004, 0.002, 0.6]), 260_000, {
        QLinearConv: 600,
        QGemm: 80,
      }),
      make('bad', makeEvaluation(0.9, [-0.08, -0.1, -0.06, 0.00001]), 255_000, { ConvInteger: 5000 }),
    ],
    datasets: [
      {
        spec: {
          source: 'sample:digits',
          inputs: {},
          split: { seed: 3, train: 0.6, calibration: 0.1, test: 0.3 },
        },
        hash: 'data-hash',
        format: 'npz',
        count: 10_000,
        inputs: [{ name: 'input', type: 'float32', shape: [1, 28, 28] }],
        task: 'classification',
        classes: ['cat', 'dog'],
        classCounts: [5000, 5000],
        splits: { train: 6000, calibration: 1000, test: 3000 },
        notes: [],
      },
    ],
    benchmark,
    generatedAt: '2026-01-02T03:04:05.000Z',
    bantam: '0.1.0',
  }
}
