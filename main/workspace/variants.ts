/** Variants: the nodes of a study's lineage tree. The teacher is the one without a parent. */
import type { Evidence, ModelSummary, Note, Plan, Step, Variant, Verification } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import type { TrainingRecord } from '../../shared/training'
import type { Row } from './driver'
import { latestEvaluations, type StoredEvaluation, variantBenchmarks } from './measurements'
import { fromJson, fromJsonOrNull, now, text, textOrNull, toJson, type Workspace } from './workspace'

/** The layers of hundreds of models and the curves in their evidence stay out of memory: the list does not need them. */
const columns = `SELECT v.id, v.study_id, v.name, v.parent_id, v.model, v.step, v.seed, v.plan, v.verification,
  v.created_at, json_remove(m.summary, '$.layers') AS summary,
  json_extract(p.plan, '$.notes') AS plan_notes
  FROM variants v JOIN models m ON m.hash = v.model LEFT JOIN plans p ON p.digest = v.plan
  WHERE v.removal IS NULL`

export interface NewVariant {
  study: string
  parent: string | null
  name: string
  model: string
  step: Step | null
  seed: number
  plan: { digest: string; plan: Plan } | null
  verification: Verification | null
  evidence: Evidence | null
}

/** All variants of a study in the order they were made. */
export function listVariants(workspace: Workspace, study: string): Variant[] {
  const evaluations = latestEvaluations(workspace, study)
  const benchmarks = variantBenchmarks(workspace, study)
  return workspace.database
    .all(`${columns} AND v.study_id = ? ORDER BY v.created_at, v.rowid`, study)
    .map(row => variant(row, evaluations.get(text(row.id)), benchmarks.get(text(row.model))))
}

/** Throws `not-found`. */
export function readVariant(workspace: Workspace, id: string): Variant {
  const found = listVariants(workspace, variantStudy(workspace, id)).find(v => v.id === id)
  if (!found) throw missing(id)
  return found
}

/** The facts about a variant that never change, without its measurements. Throws `not-found`. */
export function variantCore(
  workspace: Workspace,
  id: string,
): {
  id: string
  study: string
  parent: string | null
  name: string
  model: string
  step: Step | null
  seed: number
} {
  const row = variantRow(workspace, id)
  return {
    id,
    study: text(row.study_id),
    parent: textOrNull(row.parent_id),
    name: text(row.name),
    model: text(row.model),
    step: fromJsonOrNull<Step>(row.step),
    seed: Number(row.seed),
  }
}

export function variantStudy(workspace: Workspace, id: string): string {
  return text(variantRow(workspace, id).study_id)
}

/** Id of the study's teacher, if it has one. */
export function teacherOf({ database }: Workspace, study: string): string | undefined {
  const row = database.get(
    'SELECT id FROM variants WHERE study_id = ? AND parent_id IS NULL AND removal IS NULL ORDER BY rowid LIMIT 1',
    study,
  )
  return row && text(row.id)
}

/** Id of the study's teacher. Throws `not-found` with what to do when there is none. */
export function requireTeacher(workspace: Workspace, study: string): string {
  const id = teacherOf(workspace, study)
  if (id) return id
  throw new BantamError('not-found', 'The study has no teacher model yet.', {
    action: 'Open an ONNX model first.',
  })
}

/** Records a variant whose model is recorded already; answers with its id. Names are made unique in the study. */
export function addVariant(workspace: Workspace, variant: NewVariant): string {
  const id = crypto.randomUUID()
  const { database } = workspace
  if (variant.plan) {
    database.run('INSERT OR IGNORE INTO plans VALUES (?, ?)', variant.plan.digest, toJson(variant.plan.plan))
  }
  database.run(
    `INSERT INTO variants (id, study_id, parent_id, name, model, step, seed, plan, verification, evidence, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    id,
    variant.study,
    variant.parent,
    freeName(workspace, variant.study, variant.name),
    variant.model,
    variant.step && toJson(variant.step),
    variant.seed,
    variant.plan?.digest ?? null,
    variant.verification && toJson(variant.verification),
    variant.evidence && toJson(variant.evidence),
    now(),
  )
  return id
}

export function renameVariant(workspace: Workspace, id: string, name: string): void {
  variantRow(workspace, id)
  workspace.database.run('UPDATE variants SET name = ? WHERE id = ?', name, id)
}

/** Marks a variant and everything made from it removed; answers with their ids. Throws `not-found`. */
export function removeVariant(workspace: Workspace, id: string): string[] {
  variantRow(workspace, id)
  const { database } = workspace
  return database.transaction(() => {
    const removed = database
      .all(
        `WITH RECURSIVE family (id) AS (
           VALUES (?) UNION SELECT v.id FROM variants v JOIN family f ON v.parent_id = f.id WHERE v.removal IS NULL)
         SELECT id FROM family`,
        id,
      )
      .map(row => text(row.id))
    const mark = crypto.randomUUID()
    for (const one of removed) database.run('UPDATE variants SET removal = ? WHERE id = ?', mark, one)
    return removed
  })
}

/**
 * Brings a removed variant back with those removed in the same act; answers with their study.
 * Throws `not-found` when it is gone for good, `conflict` when its parent is removed or a new teacher took its place.
 */
export function restoreVariant(workspace: Workspace, id: string): string {
  const { database } = workspace
  const row = database.get('SELECT study_id, parent_id, removal FROM variants WHERE id = ?', id)
  if (!row) throw missing(id)
  const study = text(row.study_id)
  if (row.removal === null) return study
  const parent = textOrNull(row.parent_id)
  const alone = parent && database.get('SELECT id FROM variants WHERE id = ? AND removal IS NOT NULL', parent)
  if (alone) {
    throw new BantamError('conflict', 'What this variant was made from is removed.', {
      where: id,
      action: 'Bring that back first.',
    })
  }
  if (!parent && teacherOf(workspace, study)) {
    throw new BantamError('conflict', 'The study has another teacher by now.', { where: id })
  }
  database.run('UPDATE variants SET removal = NULL WHERE removal = ?', text(row.removal))
  return study
}

export function readPlan({ database }: Workspace, id: string): Plan | null {
  const row = database.get(
    'SELECT p.plan FROM variants v JOIN plans p ON p.digest = v.plan WHERE v.id = ?',
    id,
  )
  return row ? fromJson<Plan>(row.plan) : null
}

export function readEvidence(workspace: Workspace, id: string): Evidence | null {
  return fromJsonOrNull<Evidence>(variantRow(workspace, id).evidence)
}

/** How a variant was trained; null where it was not. Throws `not-found`. */
export function readTraining(workspace: Workspace, id: string): TrainingRecord | null {
  return readEvidence(workspace, id)?.training ?? null
}

/** From the teacher (first) down to the variant (last). */
export function lineage(workspace: Workspace, id: string): ReturnType<typeof variantCore>[] {
  const chain = []
  for (let next: string | null = id; next; next = chain[0]?.parent ?? null)
    chain.unshift(variantCore(workspace, next))
  return chain
}

/** 'Static int8', then 'Static int8 2', … */
function freeName({ database }: Workspace, study: string, wanted: string): string {
  const taken = new Set(
    database
      .all('SELECT name FROM variants WHERE study_id = ? AND removal IS NULL', study)
      .map(row => text(row.name)),
  )
  for (let n = 1; ; n++) {
    const name = n === 1 ? wanted : `${wanted} ${n}`
    if (!taken.has(name)) return name
  }
}

function variantRow({ database }: Workspace, id: string): Row {
  const row = database.get('SELECT * FROM variants WHERE id = ? AND removal IS NULL', id)
  if (!row) throw missing(id)
  return row
}

function variant(
  row: Row,
  evaluation: StoredEvaluation | undefined,
  benchmark: Variant['benchmark'] = null,
): Variant {
  const digest = textOrNull(row.plan)
  return {
    id: text(row.id),
    studyId: text(row.study_id),
    name: text(row.name),
    parentId: textOrNull(row.parent_id),
    model: text(row.model),
    summary: fromJson<Omit<ModelSummary, 'layers'>>(row.summary),
    step: fromJsonOrNull<Step>(row.step),
    seed: Number(row.seed),
    plan: digest === null ? null : { digest, notes: fromJsonOrNull<Note[]>(row.plan_notes) ?? [] },
    verification: fromJsonOrNull<Verification>(row.verification),
    evaluation: evaluation?.evaluation ?? null,
    benchmark,
    createdAt: text(row.created_at),
  }
}

function missing(id: string): BantamError {
  return new BantamError('not-found', 'The variant does not exist.', {
    where: id,
    action: 'It may have been removed.',
  })
}
