/** .csv and .tsv: streamed once into a packed table. Quoted fields, any of the usual delimiters, a header or none. */
import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { CsvError, parse } from 'csv-parse'
import { BantamError } from '../../shared/errors'
import { fileHead } from './npz'
import type { RawTable } from './raw'
import { TablePacker } from './table'

const DELIMITERS = [',', ';', '\t', '|']
const LINE_LIMIT = 16 * 2 ** 20

/**
 * Opens a table of text. The first line is a header when any cell of it is not a number; without one the columns are
 * called column1, column2, … Throws `bad-data` naming the line that does not have as many cells as the first.
 */
export async function openCsv(path: string): Promise<RawTable> {
  const delimiter = /\.tsv$/i.test(path) ? '\t' : findDelimiter(fileHead(path, 65_536))
  const input = createReadStream(path)
  const parser = input.pipe(
    parse({
      delimiter,
      bom: true,
      skip_empty_lines: true,
      max_record_size: LINE_LIMIT,
      trim: delimiter !== '\t',
    }),
  )
  input.on('error', error => parser.destroy(error))
  let packer: TablePacker | undefined
  let header = false
  try {
    for await (const cells of parser as AsyncIterable<string[]>) {
      if (!packer) {
        header = cells.some(cell => cell !== '' && Number.isNaN(Number(cell)))
        packer = new TablePacker(
          header ? uniqueNames(cells, path) : cells.map((_, i) => `column${i + 1}`),
          path,
        )
        if (header) continue
      }
      packer.add(cells)
    }
  } catch (error) {
    packer?.discard()
    throw csvError(error, path, header)
  } finally {
    input.destroy()
  }
  if (!packer || packer.count === 0) {
    packer?.discard()
    throw new BantamError('bad-data', 'The table has no rows.', { where: path })
  }
  const { table, close } = packer.finish()
  const files = [{ name: basename(path), path }]
  return { kind: 'table', format: 'csv', count: packer.count, table, notes: [], files, close }
}

/** The delimiter that occurs most in the first line, outside quotes. */
function findDelimiter(head: Uint8Array): string {
  const line = Buffer.from(head).toString('utf8').split(/\r?\n/, 1)[0] ?? ''
  const bare = line.replace(/"[^"]*"/g, '')
  const counts = DELIMITERS.map(d => bare.split(d).length)
  return DELIMITERS[counts.indexOf(Math.max(...counts))] ?? ','
}

function uniqueNames(names: readonly string[], path: string): string[] {
  const seen = new Set<string>()
  for (const name of names) {
    if (seen.has(name)) {
      throw new BantamError('bad-data', `Two columns are called "${name}".`, {
        where: path,
        action: 'Give every column its own name.',
      })
    }
    seen.add(name)
  }
  return [...names]
}

function csvError(error: unknown, path: string, header: boolean): unknown {
  if (!(error instanceof CsvError)) return error
  if (error.code === 'CSV_RECORD_INCONSISTENT_FIELDS_LENGTH') {
    const first = header ? 'the header' : 'the first line'
    const cells = Array.isArray(error.record) ? error.record.length : 0
    const wanted = /expect (\d+)/.exec(error.message)?.[1] ?? 'another number'
    return new BantamError('bad-data', `Line ${error.lines} has ${cells} cells, ${first} has ${wanted}.`, {
      where: path,
      action: 'Correct the line, or quote cells that contain the delimiter.',
    })
  }
  return new BantamError('bad-data', `The table cannot be read: ${error.message.replace(/\.$/, '')}.`, {
    where: path,
    cause: error,
  })
}
