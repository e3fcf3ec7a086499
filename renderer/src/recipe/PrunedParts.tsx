import { useMemo } from 'react'
import type { PruneDecisions } from '../../../shared/prune'
import { ChangesTable } from '../prune/ChangesTable'
import { partsOf } from '../prune/parts'

const NO_WIDTHS: never[] = []

/** What a plan of pruning made of each part, as a table. */
export function PrunedParts({ technique, decisions }: { technique: string; decisions: PruneDecisions }) {
  const parts = useMemo(
    () => partsOf({ technique, preview: decisions, sensitivity: null, widths: NO_WIDTHS }),
    [technique, decisions],
  )
  if (parts.length === 0) return null
  return (
    <div
      style={{ height: `min(20rem, ${parts.length * 30 + 34}px)`, display: 'flex', flexDirection: 'column' }}
    >
      <ChangesTable parts={parts} />
    </div>
  )
}
