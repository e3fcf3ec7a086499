/** Plain text: every paragraph, the lines up to an empty one, is a text. */
import { basename } from 'node:path'
import { BantamError } from '../../shared/errors'
import { lines } from './jsonl'
import type { RawTable } from './raw'
import { TablePacker } from './table'

/** Characters at which a paragraph ends with its line: what has no empty lines must not become one huge text. */
const PARAGRAPH = 2 ** 16

/** Opens a text file (UTF-8) as a table with one column, `text`. Throws `bad-data` for a file without any text. */
export async function openTxt(path: string): Promise<RawTable> {
  const packer = new TablePacker(['text'], path)
  let held: string[] = []
  let size = 0
  const flush = () => {
    if (held.length > 0) packer.add([held.join('\n')])
    held = []
    size = 0
  }
  try {
    let first = true
    for await (const raw of lines(path)) {
      // A mark of byte order is no text.
      const line = (first ? raw.replace(/^\ufeff/, '') : raw).replace(/\r$/, '')
      first = false
      if (line.trim() === '') {
        flush()
        continue
      }
      held.push(line)
      size += line.length
      if (size > PARAGRAPH) flush()
    }
    flush()
    if (packer.count === 0) throw new BantamError('bad-data', 'The file holds no text.', { where: path })
    const { table, close } = packer.finish()
    const files = [{ name: basename(path), path }]
    return { kind: 'table', format: 'txt', count: packer.count, table, notes: [], files, close }
  } catch (error) {
    packer.discard()
    throw error
  }
}
