/** What the command line writes, and where: results on stdout, everything else on stderr. */
import { writeSync } from 'node:fs'
import { formatDuration } from '../../shared/format'

const REDRAW_MS = 100
const BAR_WIDTH = 24

export class Terminal {
  private drawn = false
  private lastDraw = 0
  private readonly started = Date.now()

  /** @param json the result is one JSON document, and stdout carries nothing else */
  constructor(readonly json: boolean) {}

  /** The command's result: once per command. */
  result(document: unknown, text: () => string): void {
    this.clear()
    write(1, this.json ? `${JSON.stringify(document)}\n` : `${text()}\n`)
  }

  /** A line for the person, never part of the result. */
  say(line: string): void {
    this.clear()
    write(2, `${line}\n`)
  }

  /** Draws a bar on a terminal; silent elsewhere. */
  progress(fraction: number, stage: string): void {
    if (!process.stderr.isTTY) return
    const now = Date.now()
    if (now - this.lastDraw < REDRAW_MS && fraction < 1) return
    this.lastDraw = now
    const done = Math.round(Math.min(1, Math.max(0, fraction)) * BAR_WIDTH)
    const seconds = (now - this.started) / 1000
    const left =
      fraction > 0.05 && seconds > 3 ? `, ${formatDuration((seconds / fraction) * (1 - fraction))} left` : ''
    const line = `${'█'.repeat(done)}${'░'.repeat(BAR_WIDTH - done)} ${Math.round(fraction * 100)} %  ${stage}${left}`
    write(2, `\r\u001b[K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`)
    this.drawn = true
  }

  /** Removes the bar. */
  clear(): void {
    if (this.drawn) write(2, '\r\u001b[K')
    this.drawn = false
  }
}

/** Synchronous, so that nothing is lost when the process ends; a closed pipe is no error of ours. */
export function write(descriptor: 1 | 2, text: string): void {
  const bytes = Buffer.from(text)
  for (let offset = 0; offset < bytes.length; ) {
    try {
      offset += writeSync(descriptor, bytes, offset)
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : ''
      if (code === 'EPIPE') return
      if (code !== 'EAGAIN') throw error
    }
  }
}

/** True where emphasis may be written: a terminal, and no NO_COLOR (https://no-color.org). */
export function isColourful(): boolean {
  return Boolean(process.stdout.isTTY) && !process.env.NO_COLOR
}

/** Rows as aligned columns, the first row being the header. Columns of `right` are aligned to the right. */
export function columns(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map(row => width(row[i] ?? ''))))
  const lines = rows.map(row =>
    widths
      .map((w, i) => {
        const space = ' '.repeat(w - width(row[i] ?? ''))
        return right.includes(i) ? space + (row[i] ?? '') : (row[i] ?? '') + space
      })
      .join('  ')
      .trimEnd(),
  )
  if (isColourful() && lines[0]) lines[0] = `\u001b[1m${lines[0]}\u001b[22m`
  return lines.join('\n')
}

function width(text: string): number {
  return [...text].length
}

/** Control characters of a file's own names would drive the terminal; they become a visible sign. */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd')
}
