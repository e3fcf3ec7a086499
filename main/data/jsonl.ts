/** .jsonl: one JSON object per line, streamed once into a packed table. */
import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { BantamError } from '../../shared/errors'
import type { RawTable } from './raw'
import { TablePacker } from './table'

const LINE_LIMIT = 64 * 2 ** 20
/** Lines looked at for keys. */
const HEAD_LINES = 1000

/**
 * Opens a file of JSON lines. Columns are the keys of the first thousand objects; values are numbers, truth values,
 * texts or (nested) lists of numbers. Throws `bad-data` naming the line that is no JSON object.
 */
export async function openJsonl(path: string): Promise<RawTable> {
  const head: Record<string, unknown>[] = []
  let names: string[] = []
  let packer: TablePacker | undefined
  const begin = () => {
    names = [...new Set(head.flatMap(Object.keys))]
    const started = new TablePacker(names, path)
    for (const row of head.splice(0)) started.add(names.map(name => row[name]))
    return started
  }
  try {
    let number = 0
    for await (const line of lines(path)) {
      number++
      if (line.trim() === '') continue
      const row = parseLine(line, number, path)
      if (packer) packer.add(names.map(name => row[name]))
      else if (head.push(row) === HEAD_LINES) packer = begin()
    }
    if (!packer && head.length > 0) packer = begin()
    if (!packer) throw new BantamError('bad-data', 'The table has no rows.', { where: path })
    const { table, close } = packer.finish()
    const files = [{ name: basename(path), path }]
    return { kind: 'table', format: 'jsonl', count: packer.count, table, notes: [], files, close }
  } catch (error) {
    packer?.discard()
    throw error
  }
}

function parseLine(line: string, number: number, path: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw new BantamError('bad-data', `Line ${number} is not valid JSON.`, { where: path, cause })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  throw new BantamError('bad-data', `Line ${number} is not a JSON object.`, {
    where: path,
    action: 'Write one object per line, for example {"input": [0.1, 0.2], "label": 3}.',
  })
}

/** Lines of a file without holding more than one; a line over 64 MiB is refused. */
export async function* lines(path: string): AsyncGenerator<string> {
  let rest: Buffer[] = []
  let held = 0
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    let start = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      yield Buffer.concat([...rest, chunk.subarray(start, end)]).toString('utf8')
      rest = []
      held = 0
      start = end + 1
    }
    if (start < chunk.length) rest.push(chunk.subarray(start))
    held += chunk.length - start
    if (held > LINE_LIMIT) {
      throw new BantamError('bad-data', 'A line is longer than 64 MB.', { where: path })
    }
  }
  if (held > 0) yield Buffer.concat(rest).toString('utf8')
}
