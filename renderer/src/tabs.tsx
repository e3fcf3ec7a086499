import type { LucideIcon } from 'lucide-react'
import type { ReactNode } from 'react'
import type { Study, Variant } from '../../shared/domain'

export interface TabProps {
  study: Study
  /** The selected variant; the teacher itself when nothing else is selected. */
  variant: Variant
  /** What it is compared with: the study's teacher. */
  reference: Variant
}

/** One tab of the selection. Its element fills the tab's area and scrolls itself. */
export interface StudyTab {
  id: string
  title: string
  icon: LucideIcon
  render(props: TabProps): ReactNode
}

/** In the order shown; digits 1, 2, … on the keyboard open them. */
export const TABS: readonly StudyTab[] = []
