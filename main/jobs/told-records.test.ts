import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ToldRecords } from './told-records'

const folder = mkdtempSync(join(tmpdir(), 'bantam-told-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('what a job told of itself outlives the process, and goes with the job', () => {
  const records = new ToldRecords<{ trials: number }>(folder, 'search')
  expect(records.read('j1')).toBeNull()
  records.take('j1', { trials: 1 })
  records.take('j1', { trials: 2 })
  expect(records.read('j1')).toEqual({ trials: 2 })
  // The first was written at once, the second waits its turn.
  const restarted = () => new ToldRecords<{ trials: number }>(folder, 'search').read('j1')
  expect(restarted()).toEqual({ trials: 1 })
  records.settle('j1')
  expect(restarted()).toEqual({ trials: 2 })
  expect(records.read('j1')).toEqual({ trials: 2 })
  // Another kind of record has a file of its own.
  expect(new ToldRecords(folder, 'training').read('j1')).toBeNull()
  records.remove('j1')
  expect(restarted()).toBeNull()
  expect(existsSync(join(folder, 'logs', 'j1.search.json'))).toBe(false)
})

test('a file that is no record, or that cannot be written, stops nothing', () => {
  const records = new ToldRecords<number>(folder, 'search')
  writeFileSync(join(folder, 'logs', 'j2.search.json'), '{')
  expect(records.read('j2')).toBeNull()
  const nowhere = new ToldRecords<number>(join(folder, 'logs', 'j2.search.json'), 'search')
  nowhere.take('j3', 1)
  expect(nowhere.read('j3')).toBe(1)
})
