/** The schema as ordered steps. A step that has shipped is never edited: add the next one. */
import { BantamError } from '../../shared/errors'
import type { Database } from './driver'

/**
 * `removal` marks a soft-deleted row: rows removed together carry the same mark, so that undo brings all of them back.
 * JSON columns hold values of the domain types. Paths are relative to the workspace's folder.
 */
const first = `
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;

CREATE TABLE studies (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, sample INTEGER NOT NULL DEFAULT 0,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL, removal TEXT
) STRICT;

CREATE TABLE models (
  hash TEXT PRIMARY KEY, size_bytes INTEGER NOT NULL, summary TEXT NOT NULL, created_at TEXT NOT NULL
) STRICT;

CREATE TABLE plans (digest TEXT PRIMARY KEY, plan TEXT NOT NULL) STRICT;

CREATE TABLE datasets (
  id TEXT PRIMARY KEY, study_id TEXT NOT NULL REFERENCES studies ON DELETE CASCADE, name TEXT NOT NULL,
  pictures INTEGER NOT NULL, summary TEXT NOT NULL, created_at TEXT NOT NULL, removal TEXT
) STRICT;
CREATE INDEX datasets_of_study ON datasets (study_id);

CREATE TABLE variants (
  id TEXT PRIMARY KEY, study_id TEXT NOT NULL REFERENCES studies ON DELETE CASCADE,
  parent_id TEXT REFERENCES variants ON DELETE CASCADE, name TEXT NOT NULL,
  model TEXT NOT NULL REFERENCES models, step TEXT, seed INTEGER NOT NULL, plan TEXT REFERENCES plans,
  verification TEXT, evidence TEXT, created_at TEXT NOT NULL, removal TEXT
) STRICT;
CREATE INDEX variants_of_study ON variants (study_id);
CREATE INDEX variants_of_parent ON variants (parent_id);

CREATE TABLE evaluations (
  id INTEGER PRIMARY KEY, variant_id TEXT NOT NULL REFERENCES variants ON DELETE CASCADE,
  dataset_id TEXT NOT NULL REFERENCES datasets ON DELETE CASCADE, evaluation TEXT NOT NULL,
  outputs TEXT NOT NULL, created_at TEXT NOT NULL
) STRICT;
CREATE INDEX evaluations_of_variant ON evaluations (variant_id);
CREATE INDEX evaluations_of_dataset ON evaluations (dataset_id);

CREATE TABLE benchmarks (
  id INTEGER PRIMARY KEY, study_id TEXT NOT NULL REFERENCES studies ON DELETE CASCADE, benchmark TEXT NOT NULL,
  created_at TEXT NOT NULL
) STRICT;
CREATE INDEX benchmarks_of_study ON benchmarks (study_id);
CREATE TABLE benchmark_models (
  benchmark_id INTEGER NOT NULL REFERENCES benchmarks ON DELETE CASCADE, model TEXT NOT NULL,
  PRIMARY KEY (benchmark_id, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE profiles (
  variant_id TEXT PRIMARY KEY REFERENCES variants ON DELETE CASCADE, reference TEXT NOT NULL, variant TEXT NOT NULL,
  findings TEXT NOT NULL, created_at TEXT NOT NULL
) STRICT;

CREATE TABLE jobs (
  id TEXT PRIMARY KEY, study_id TEXT REFERENCES studies ON DELETE CASCADE, kind TEXT NOT NULL, title TEXT NOT NULL,
  state TEXT NOT NULL, request TEXT NOT NULL, stage TEXT NOT NULL, result TEXT, error TEXT,
  created_at TEXT NOT NULL, started_at TEXT, finished_at TEXT, interruptions INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state);

CREATE TABLE artifacts (
  id TEXT PRIMARY KEY, job_id TEXT, name TEXT NOT NULL, mime TEXT NOT NULL, bytes INTEGER NOT NULL,
  path TEXT NOT NULL, created_at TEXT NOT NULL
) STRICT;
`

/** How far a paused job got. */
const second = 'ALTER TABLE jobs ADD COLUMN progress REAL NOT NULL DEFAULT 0'

/** What was measured of how much each part of a model matters, the newest of each kind of change. */
const third = `
CREATE TABLE sensitivities (
  model TEXT NOT NULL REFERENCES models ON DELETE CASCADE, dataset TEXT NOT NULL,
  kind TEXT NOT NULL DEFAULT 'prune', sensitivity TEXT NOT NULL, made_at TEXT NOT NULL,
  PRIMARY KEY (model, dataset, kind)
) STRICT;
`

export const MIGRATIONS: readonly string[] = [first, second, third]

/**
 * Brings the database to the newest schema, one transaction per step.
 * Throws `unsupported` when a newer Bantam made it; nothing is changed then.
 */
export function migrate(database: Database, migrations: readonly string[] = MIGRATIONS): void {
  const version = Number(database.get('PRAGMA user_version')?.user_version ?? 0)
  if (version > migrations.length) {
    throw new BantamError(
      'unsupported',
      `The workspace was made by a newer version of Bantam (its format is ${version}; this version knows up to ${migrations.length}).`,
      { action: 'Update Bantam, or choose another workspace folder.' },
    )
  }
  for (let step = version; step < migrations.length; step++) {
    database.transaction(() => {
      database.exec(migrations[step] ?? '')
      database.exec(`PRAGMA user_version = ${step + 1}`)
    })
  }
}
