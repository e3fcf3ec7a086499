import type { Study, Variant } from '../../shared/domain'

/** What every tab of the selection is given. */
export interface TabProps {
  study: Study
  /** The selected variant; the teacher itself when nothing else is selected. */
  variant: Variant
  /** What it is compared with: the study's teacher, or the variant chosen instead. */
  reference: Variant
}
