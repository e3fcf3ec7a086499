import { formatSpeed } from '../../../shared/format'

/** 'about 2.0× faster', '8× to 13× slower', 'between 1.1× slower and 1.2× faster'. */
export function latencyWords(ratio: { low: number; high: number }): string {
  const [best, worst] = [formatSpeed(ratio.low), formatSpeed(ratio.high)]
  if (best === worst) return best
  const sameWay = ratio.low > 1 === ratio.high > 1
  if (!sameWay) return `between ${worst} and ${best}`
  const number = (text: string) => text.split(' ')[0] ?? text
  return ratio.high <= 1 ? `${number(worst)} to ${best}` : `${number(best)} to ${worst}`
}
