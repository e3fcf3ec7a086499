/** What to expect of pruning, before it is planned; the preview measures. */
import type { Advice, ModelSummary, Note } from '../../shared/domain'
import type { PruneBlocksOptions, PruneWidthOptions, RecoveryOptions } from '../../shared/prune'

/** A sixth of the work and more is seldom free. */
const NEEDS_RECOVERY = 0.15

export function adviseStructured({ model }: { model: ModelSummary }, options: PruneWidthOptions): Advice {
  const { amount, target } = options
  const sizeBytes =
    target === 'parameters' || target === 'bytes' ? Math.round(model.sizeBytes * (1 - amount)) : null
  return {
    notes: recoveryNotes(options),
    sizeBytes,
    latencyRatio: target === 'latency' ? { low: 1 - amount, high: 1 - amount } : null,
  }
}

export function adviseBlocks({ model }: { model: ModelSummary }, options: PruneBlocksOptions): Advice {
  const { amount, target } = options
  const counted = target === 'parameters' || target === 'bytes'
  return {
    notes: recoveryNotes(options),
    sizeBytes: counted ? Math.round(model.sizeBytes * (1 - amount)) : null,
    latencyRatio: target === 'latency' ? { low: 1 - amount, high: 1 - amount } : null,
  }
}

/** What is to be said where much goes and nothing brings it back. */
export function recoveryNotes(options: RecoveryOptions & { amount: number }): Note[] {
  if (options.recover > 0 || options.amount < NEEDS_RECOVERY) return []
  if (options.recovery === 'statistics') return []
  return [
    {
      code: 'no-recovery',
      severity: 'warning',
      message: 'Without recovery a pruned model is usually worth little.',
      action: 'Let it recover for some epochs, or by its statistics.',
    },
  ]
}
