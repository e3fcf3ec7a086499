/** What a report is made from: measured variants, the data they were measured on, and how. */
import type { Benchmark, DatasetSummary, Evaluation, Plan, Profile, Variant } from '../../shared/domain'

export interface ReportVariant {
  variant: Variant
  /** With per-class numbers and the confusion matrix; null when the variant was not evaluated. */
  evaluation: Evaluation | null
  plan: Plan | null
  profile: Profile | null
}

export interface ReportInput {
  study: { name: string }
  /** The teacher is the variant without a parent; with none, the first variant is the reference. */
  variants: ReportVariant[]
  datasets: DatasetSummary[]
  benchmark: Benchmark | null
  /** ISO 8601. */
  generatedAt: string
  /** Version of Bantam. */
  bantam: string
}

/** The variant all others are measured against. Undefined only in an empty report. */
export function referenceOf(variants: readonly ReportVariant[]): ReportVariant | undefined {
  return variants.find(v => v.variant.parentId === null) ?? variants[0]
}
