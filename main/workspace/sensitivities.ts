/** How much each part of a model matters, as measured on data: the newest of a model, a dataset and a kind of change. */
import type { PruneSensitivity } from '../../shared/prune'
import type { QuantizeSensitivity } from '../../shared/quantize'
import { fromJson, now, toJson, type Workspace } from './workspace'

/** What was measured, by the change that was made. */
export interface Sensitivities {
  prune: PruneSensitivity
  quantize: QuantizeSensitivity
}

/** Of whom and on what: the hashes of the model and of the dataset. */
export interface MeasuredOn {
  model: string
  dataset: string
}

/** Records a measurement in place of the one before. */
export function putSensitivity<K extends keyof Sensitivities>(
  { database }: Workspace,
  { model, dataset }: MeasuredOn,
  kind: K,
  sensitivity: Sensitivities[K],
): void {
  database.run(
    `INSERT INTO sensitivities VALUES (?, ?, ?, ?, ?) ON CONFLICT (model, dataset, kind) DO UPDATE SET
     sensitivity = excluded.sensitivity, made_at = excluded.made_at`,
    model,
    dataset,
    kind,
    toJson(sensitivity),
    now(),
  )
}

export function readSensitivity<K extends keyof Sensitivities>(
  { database }: Workspace,
  { model, dataset }: MeasuredOn,
  kind: K,
): Sensitivities[K] | null {
  const row = database.get(
    'SELECT sensitivity FROM sensitivities WHERE model = ? AND dataset = ? AND kind = ?',
    model,
    dataset,
    kind,
  )
  return row ? fromJson<Sensitivities[K]>(row.sensitivity) : null
}
