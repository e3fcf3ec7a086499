/** Bars and histograms in characters. */

const BAR = 10

/** Eighths of a block: '███▌      '. */
export function bar(share: number): string {
  const eighths = Math.round(8 * BAR * Math.min(1, Math.max(0, share)))
  const partial = eighths % 8 > 0 ? (' ▏▎▍▌▋▊▉'[eighths % 8] ?? '') : ''
  return ('█'.repeat(Math.floor(eighths / 8)) + partial).padEnd(BAR)
}

const COLUMNS = 64
const LEVELS = ' ▁▂▃▄▅▆▇█'

/**
 * A line of blocks as high as the logarithm of the counts, and its ends below: so that what one value in a million does
 * to a range can be seen.
 */
export function histogramLines(
  { low, high, counts }: { low: number; high: number; counts: readonly number[] },
  cut?: { min: number; max: number },
): string[] {
  if (counts.length === 0 || high <= low) return []
  const cells = new Array<number>(Math.min(COLUMNS, counts.length)).fill(0)
  for (const [i, count] of counts.entries()) {
    const at = Math.min(cells.length - 1, Math.floor((i * cells.length) / counts.length))
    cells[at] = (cells[at] ?? 0) + count
  }
  const most = Math.log1p(Math.max(1, ...cells))
  const line = cells.map(
    c => LEVELS[c === 0 ? 0 : Math.max(1, Math.round((8 * Math.log1p(c)) / most))] ?? ' ',
  )
  const ends = [low.toPrecision(3), high.toPrecision(3)]
  const gap = Math.max(1, cells.length - (ends[0]?.length ?? 0) - (ends[1]?.length ?? 0))
  const shown =
    cut === undefined || (cut.min <= low && cut.max >= high) ? [] : [cutLine(cut, low, high, cells.length)]
  return [`  ${line.join('')}`, ...shown, `  ${ends.join(' '.repeat(gap))}`]
}

/** What of the line is represented. */
function cutLine(cut: { min: number; max: number }, low: number, high: number, width: number): string {
  const cell = (value: number) => Math.round(((value - low) / (high - low)) * width)
  const [from, to] = [Math.max(0, cell(cut.min)), Math.min(width, Math.max(cell(cut.min) + 1, cell(cut.max)))]
  return `  ${' '.repeat(from)}${'─'.repeat(Math.max(1, to - from))}`
}
