/**
 * Learning rate by step. With s the step from 0 on, n the number of steps, w the warm-up's:
 * s < w: peak·(s + 1)/w; afterwards, with p = (s − w)/(n − w), the schedule's own curve.
 */
export type ScheduleKind = 'cosine' | 'one-cycle' | 'step' | 'constant'

export interface Schedule {
  kind: ScheduleKind
  /** Highest learning rate. */
  peak: number
  /** Share of the steps over which the rate rises. */
  warmup: number
  /** Steps in all. */
  steps: number
}

/**
 * The learning rate of one step, 0 … steps − 1.
 * - cosine: peak·(1 + cos πp)/2 (Loshchilov and Hutter 2017, "SGDR", without restarts);
 * - one-cycle: rises from peak/25 to the peak over 30 % of the steps and falls to peak/10⁴, both along half a cosine
 *   (Smith and Topin 2018, "Super-Convergence"); the warm-up is part of it;
 * - step: peak, a tenth from half of the steps on, a hundredth from three quarters on (He et al. 2016);
 * - constant: peak.
 */
export function learningRate({ kind, peak, warmup, steps }: Schedule, step: number): number {
  if (kind === 'one-cycle') return oneCycle(peak, steps, step)
  const rising = Math.round(warmup * steps)
  if (step < rising) return (peak * (step + 1)) / rising
  const p = (step - rising) / Math.max(1, steps - rising)
  if (kind === 'cosine') return peak * half(p)
  if (kind === 'step') return peak * (p < 0.5 ? 1 : p < 0.75 ? 0.1 : 0.01)
  return peak
}

/** Half a cosine: 1 at p = 0, 0 at p = 1. */
function half(p: number): number {
  return (1 + Math.cos(Math.PI * p)) / 2
}

function oneCycle(peak: number, steps: number, step: number): number {
  const top = Math.max(0, 0.3 * steps - 1)
  const between = (from: number, to: number, p: number) => to + (from - to) * half(p)
  if (top > 0 && step <= top) return between(peak / 25, peak, step / top)
  return between(peak, peak / 1e4, (step - top) / Math.max(1, steps - 1 - top))
}
