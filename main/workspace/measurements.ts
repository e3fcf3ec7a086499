/** Evaluations (with the outputs they were computed from), benchmarks and profiles. */
import type { Benchmark, Evaluation, Note, Profile, Variant } from '../../shared/domain'
import { fromJson, now, text, toJson, type Workspace } from './workspace'

export interface StoredEvaluation {
  evaluation: Evaluation
  dataset: string
  /** Hash of the stored outputs. */
  outputs: string
}

/** Profiles of the teacher and the variant, and what they say about speed. */
export interface StoredProfiles {
  reference: Profile
  variant: Profile
  findings: Note[]
}

export function addEvaluation(
  { database }: Workspace,
  variant: string,
  dataset: string,
  evaluation: Evaluation,
  outputs: string,
): void {
  database.run(
    'INSERT INTO evaluations (variant_id, dataset_id, evaluation, outputs, created_at) VALUES (?, ?, ?, ?, ?)',
    variant,
    dataset,
    toJson(evaluation),
    outputs,
    now(),
  )
}

/** A variant's newest evaluation on a dataset that is still there. */
export function latestEvaluation({ database }: Workspace, variant: string): StoredEvaluation | undefined {
  const row = database.get(
    `SELECT e.* FROM evaluations e JOIN datasets d ON d.id = e.dataset_id AND d.removal IS NULL
     WHERE e.variant_id = ? ORDER BY e.id DESC LIMIT 1`,
    variant,
  )
  return (
    row && {
      evaluation: fromJson<Evaluation>(row.evaluation),
      dataset: text(row.dataset_id),
      outputs: text(row.outputs),
    }
  )
}

/** The newest evaluation of every variant of a study, without the per-class tables, by variant id. */
export function latestEvaluations({ database }: Workspace, study: string): Map<string, StoredEvaluation> {
  const rows = database.all(
    `SELECT e.variant_id, e.dataset_id, e.outputs,
       json_remove(e.evaluation, '$.perClass', '$.confusion') AS evaluation FROM evaluations e
     WHERE e.id IN (
       SELECT max(x.id) FROM evaluations x
       JOIN variants v ON v.id = x.variant_id JOIN datasets d ON d.id = x.dataset_id AND d.removal IS NULL
       WHERE v.study_id = ? GROUP BY x.variant_id)`,
    study,
  )
  return new Map(
    rows.map(row => [
      text(row.variant_id),
      {
        evaluation: fromJson<Evaluation>(row.evaluation),
        dataset: text(row.dataset_id),
        outputs: text(row.outputs),
      },
    ]),
  )
}

/** Records a benchmark and which models took part. */
export function addBenchmark({ database }: Workspace, study: string, benchmark: Benchmark): void {
  database.run(
    'INSERT INTO benchmarks (study_id, benchmark, created_at) VALUES (?, ?, ?)',
    study,
    toJson(benchmark),
    now(),
  )
  const row = database.get('SELECT last_insert_rowid() AS id')
  for (const model of new Set(benchmark.rows.map(r => r.model))) {
    database.run('INSERT INTO benchmark_models VALUES (?, ?)', row?.id ?? null, model)
  }
}

export function latestBenchmark({ database }: Workspace, study: string): Benchmark | null {
  const row = database.get(
    'SELECT benchmark FROM benchmarks WHERE study_id = ? ORDER BY id DESC LIMIT 1',
    study,
  )
  return row ? fromJson<Benchmark>(row.benchmark) : null
}

/** For every model of a study: its rows and ratios from the newest benchmark it took part in. */
export function variantBenchmarks(
  { database }: Workspace,
  study: string,
): Map<string, NonNullable<Variant['benchmark']>> {
  const rows = database.all(
    `SELECT newest.model, b.id, b.benchmark, b.created_at FROM benchmarks b JOIN (
       SELECT m.model, max(m.benchmark_id) AS id FROM benchmark_models m
       JOIN benchmarks x ON x.id = m.benchmark_id WHERE x.study_id = ? GROUP BY m.model
     ) newest ON newest.id = b.id`,
    study,
  )
  const parsed = new Map<string, Benchmark>() // one benchmark serves many models
  const result = new Map<string, NonNullable<Variant['benchmark']>>()
  for (const row of rows) {
    const model = text(row.model)
    const key = text(row.id)
    const benchmark = parsed.get(key) ?? fromJson<Benchmark>(row.benchmark)
    parsed.set(key, benchmark)
    result.set(model, {
      rows: benchmark.rows.filter(r => r.model === model),
      ratios: benchmark.ratios.filter(r => r.a === model || r.b === model),
      ...generationOf(benchmark, model),
      at: text(row.created_at),
    })
  }
  return result
}

/** What a benchmark says of a language model's tokens per second. */
function generationOf({ generation }: Benchmark, model: string): Pick<Benchmark, 'generation'> {
  const rows = generation?.rows.filter(r => r.model === model) ?? []
  const ratios = generation?.ratios.filter(r => r.a === model || r.b === model) ?? []
  return rows.length === 0 ? {} : { generation: { rows, ratios } }
}

/** The newest benchmark in which both models took part: the only kind whose ratio was measured interleaved. */
export function sharedBenchmark(
  { database }: Workspace,
  study: string,
  a: string,
  b: string,
): Benchmark | null {
  const row = database.get(
    `SELECT x.benchmark FROM benchmarks x
     JOIN benchmark_models p ON p.benchmark_id = x.id AND p.model = ?
     JOIN benchmark_models q ON q.benchmark_id = x.id AND q.model = ?
     WHERE x.study_id = ? ORDER BY x.id DESC LIMIT 1`,
    a,
    b,
    study,
  )
  return row ? fromJson<Benchmark>(row.benchmark) : null
}

export function putProfiles({ database }: Workspace, variant: string, profiles: StoredProfiles): void {
  database.run(
    `INSERT INTO profiles VALUES (?, ?, ?, ?, ?) ON CONFLICT (variant_id) DO UPDATE SET
     reference = excluded.reference, variant = excluded.variant, findings = excluded.findings,
     created_at = excluded.created_at`,
    variant,
    toJson(profiles.reference),
    toJson(profiles.variant),
    toJson(profiles.findings),
    now(),
  )
}

export function readProfiles({ database }: Workspace, variant: string): StoredProfiles | undefined {
  const row = database.get('SELECT * FROM profiles WHERE variant_id = ?', variant)
  return (
    row && {
      reference: fromJson<Profile>(row.reference),
      variant: fromJson<Profile>(row.variant),
      findings: fromJson<Note[]>(row.findings),
    }
  )
}
