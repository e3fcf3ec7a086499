/** What an amount is a share of, and what a model that loses it is found by. */
import { BantamError } from '../../shared/errors'
import type { PruneCost } from '../../shared/prune'

/** Targets that are counted, not measured. */
export type CountedTarget = 'macs' | 'parameters' | 'bytes'

export const TARGET_TITLES: Readonly<Record<string, string>> = {
  macs: 'multiply-accumulates',
  parameters: 'parameters',
  bytes: 'bytes',
  latency: 'latency',
}

/** Short of the target by no more than this share of the whole counts as met. */
const SLACK = 0.02

/** Throws `bad-option` when the least that can be made is far more than what is wanted. */
export function requireReachable(
  target: CountedTarget,
  amount: number,
  whole: PruneCost,
  least: PruneCost,
): void {
  const share = whole[target] > 0 ? least[target] / whole[target] : 1
  if (share <= 1 - amount + SLACK) return
  throw new BantamError(
    'bad-option',
    `At most ${percent(1 - share)} of the ${TARGET_TITLES[target]} can go, not ${percent(amount)}.`,
    {
      where: 'amount',
      action: `Ask for at most ${Math.max(0.01, Math.floor((1 - share) * 100) / 100)}, or allow more to go: fewer exclusions, a lower least share, more kinds.`,
    },
  )
}

export function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`
}
