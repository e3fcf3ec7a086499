import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Benchmark } from '../../shared/domain'
import { addArtifact, readArtifact } from './artifacts'
import { removeDataset, restoreDataset } from './datasets'
import { addChild, evaluation, inFolder, inWorkspace, makeStudy } from './fixture'
import { addJob, listJobs, markStarted } from './job-records'
import { addBenchmark, addEvaluation, latestEvaluation, sharedBenchmark } from './measurements'
import { readSettings, writeSettings } from './settings'
import { listStudies, readStudy, removeStudy, restoreStudy } from './studies'
import { lineage, listVariants, readVariant, removeVariant, restoreVariant } from './variants'
import { openWorkspace, type Workspace } from './workspace'

function names(workspace: Workspace, study: string): string[] {
  return listVariants(workspace, study).map(v => v.name)
}

describe('removing and restoring', () => {
  test('[W5] a variant goes and comes back with what was made from it', () =>
    inWorkspace(workspace => {
      const { study, teacher } = makeStudy(workspace)
      const a = addChild(workspace, study, teacher, 'A')
      const b = addChild(workspace, study, a, 'B')
      addChild(workspace, study, teacher, 'C')
      expect(removeVariant(workspace, a).sort()).toEqual([a, b].sort())
      expect(names(workspace, study)).toEqual(['Teacher', 'C'])
      expect(() => readVariant(workspace, b)).toThrow('The variant does not exist.')
      restoreVariant(workspace, a)
      expect(names(workspace, study)).toEqual(['Teacher', 'A', 'B', 'C'])
    }))

  test('[W5] what was removed before stays removed', () =>
    inWorkspace(workspace => {
      const { study, teacher } = makeStudy(workspace)
      const a = addChild(workspace, study, teacher, 'A')
      const b = addChild(workspace, study, a, 'B')
      removeVariant(workspace, b)
      removeVariant(workspace, a)
      restoreVariant(workspace, a)
      expect(names(workspace, study)).toEqual(['Teacher', 'A'])
    }))

  test('[W5] studies and datasets come back too', () =>
    inWorkspace(workspace => {
      const { study, dataset } = makeStudy(workspace)
      removeDataset(workspace, dataset)
      expect(readStudy(workspace, study).datasets).toEqual([])
      restoreDataset(workspace, dataset)
      removeStudy(workspace, study)
      expect(listStudies(workspace)).toEqual([])
      restoreStudy(workspace, study)
      expect(readStudy(workspace, study)).toMatchObject({
        datasets: [{ id: dataset }],
        variants: [{ name: 'Teacher' }],
      })
    }))

  test('[W6] not under a removed parent, and not as a second teacher', () =>
    inWorkspace(workspace => {
      const { study, teacher } = makeStudy(workspace)
      const a = addChild(workspace, study, teacher, 'A')
      removeVariant(workspace, a)
      removeVariant(workspace, teacher)
      expect(() => restoreVariant(workspace, a)).toThrow('What this variant was made from is removed.')
      addChild(workspace, study, null, 'Other')
      expect(() => restoreVariant(workspace, teacher)).toThrow('The study has another teacher by now.')
    }))

  test('[W7] at the next start removals are final and their files are gone', () =>
    inFolder(async folder => {
      const first = openWorkspace(folder)
      const { study, teacher, dataset } = makeStudy(first)
      const a = addChild(first, study, teacher, 'A')
      const outputs = await first.store.putBytes(Buffer.from('outputs of A'))
      const kept = await first.store.putBytes(Buffer.from('outputs of the teacher'))
      addEvaluation(first, a, dataset, evaluation('a', 0.9), outputs)
      addEvaluation(first, teacher, dataset, evaluation('t', 0.9), kept)
      const { model } = readVariant(first, a)
      mkdirSync(first.store.modelFolder(model), { recursive: true })
      removeVariant(first, a)
      first.close()
      const second = openWorkspace(folder)
      expect(() => restoreVariant(second, a)).toThrow('The variant does not exist.')
      expect(second.store.has(outputs)).toBe(false)
      expect(existsSync(second.store.modelFolder(model))).toBe(false)
      expect(second.store.has(kept)).toBe(true)
      expect(latestEvaluation(second, teacher)?.outputs).toBe(kept)
      second.close()
    }))
})

describe('records', () => {
  test('[W8] names of variants are unique within a study', () =>
    inWorkspace(workspace => {
      const { study, teacher } = makeStudy(workspace)
      for (let i = 0; i < 3; i++) addChild(workspace, study, teacher, 'Static int8')
      expect(names(workspace, study)).toEqual(['Teacher', 'Static int8', 'Static int8 2', 'Static int8 3'])
    }))

  test('[W9] the newest evaluation on a dataset that is there, and the newest benchmark', () =>
    inWorkspace(async workspace => {
      const { study, teacher, dataset } = makeStudy(workspace)
      const a = addChild(workspace, study, teacher, 'A')
      const [t, m] = [readVariant(workspace, teacher).model, readVariant(workspace, a).model]
      const outputs = await workspace.store.putBytes(Buffer.from('o'))
      addEvaluation(workspace, a, dataset, evaluation(m, 0.5), outputs)
      addEvaluation(workspace, a, dataset, evaluation(m, 0.75), outputs)
      addBenchmark(workspace, study, benchmark(t, m, 0.5))
      addBenchmark(workspace, study, benchmark(t, m, 0.4))
      const shown = readVariant(workspace, a)
      expect(shown.evaluation?.metrics.accuracy?.value).toBe(0.75)
      expect(shown.evaluation).not.toHaveProperty('confusion')
      expect(latestEvaluation(workspace, a)?.evaluation.confusion).toEqual([[3]])
      expect(shown.benchmark?.ratios.map(r => r.ratio)).toEqual([0.4])
      expect(shown.benchmark?.rows.map(r => r.model)).toEqual([m])
      expect(sharedBenchmark(workspace, study, m, t)?.ratios[0]?.ratio).toBe(0.4)
      expect(sharedBenchmark(workspace, study, m, 'other')).toBeNull()
      removeDataset(workspace, dataset)
      expect(readVariant(workspace, a).evaluation).toBeNull()
    }))

  test('lineage runs from the teacher to the variant', () =>
    inWorkspace(workspace => {
      const { study, teacher } = makeStudy(workspace)
      const b = addChild(workspace, study, addChild(workspace, study, teacher, 'A'), 'B')
      expect(lineage(workspace, b).map(v => v.name)).toEqual(['Teacher', 'A', 'B'])
    }))

  test('a summary is stored whole and listed without its layers', () =>
    inWorkspace(workspace => {
      const { teacher } = makeStudy(workspace)
      const { summary } = readVariant(workspace, teacher)
      expect(summary).not.toHaveProperty('layers')
      expect(summary.operators).toEqual({ Gemm: 1 })
    }))

  test('settings keep what was not changed', () =>
    inWorkspace(workspace => {
      expect(readSettings(workspace)).toEqual({ device: 'cpu', threads: 0, theme: 'auto' })
      writeSettings(workspace, { threads: 2 })
      expect(writeSettings(workspace, { theme: 'dark' })).toEqual({
        device: 'cpu',
        threads: 2,
        theme: 'dark',
      })
    }))

  test('five hundred variants are listed in well under a second', () =>
    inWorkspace(workspace => {
      const { study, teacher } = makeStudy(workspace)
      workspace.database.transaction(() => {
        for (let i = 0; i < 500; i++) addChild(workspace, study, teacher, `V${i}`)
      })
      const start = performance.now()
      expect(listVariants(workspace, study)).toHaveLength(501)
      expect(performance.now() - start).toBeLessThan(500)
    }))

  test('[W7] artifacts of the moment go at the next start, those of a listed job stay', () =>
    inFolder(async folder => {
      const first = openWorkspace(folder)
      const { study } = makeStudy(first)
      const { job } = addJob(first, { study, title: 'Report', request: { kind: 'report', study } })
      const make = async (owner: string | null, text: string) => {
        const path = first.store.relativePath(await first.store.putBytes(Buffer.from(text)))
        return addArtifact(first, { job: owner, name: 'a.txt', mime: 'text/plain', bytes: text.length, path })
      }
      const [table, report] = [await make(null, 'table'), await make(job.id, 'report')]
      markStarted(first, job.id)
      expect(existsSync(readArtifact(first, table.id).path)).toBe(true)
      first.close()
      const second = openWorkspace(folder)
      expect(() => readArtifact(second, table.id)).toThrow('The file is no longer there.')
      expect(existsSync(readArtifact(second, report.id).path)).toBe(true)
      expect(listJobs(second)).toHaveLength(1)
      second.close()
    }))

  test('[W12] an upload stays while a dataset reads it', () =>
    inFolder(folder => {
      const first = openWorkspace(folder)
      makeStudy(first)
      first.database.run(
        'UPDATE datasets SET summary = json_set(summary, ?, ?)',
        '$.spec.source',
        join(folder, 'uploads/kept/data.npz'),
      )
      for (const group of ['kept', 'stray']) {
        mkdirSync(join(folder, 'uploads', group), { recursive: true })
        writeFileSync(join(folder, 'uploads', group, 'data.npz'), '')
      }
      first.close()
      openWorkspace(folder).close()
      expect(existsSync(join(folder, 'uploads/kept/data.npz'))).toBe(true)
      expect(existsSync(join(folder, 'uploads/stray'))).toBe(false)
    }))
})

function benchmark(a: string, b: string, ratio: number): Benchmark {
  const stats = { median: 1, p90: 1, p99: 1, iqr: 0, low: 1, high: 1, runs: 10 }
  const row = (model: string) => ({
    model,
    device: 'cpu' as const,
    batch: 1,
    threads: 1,
    latencyMs: stats,
    throughput: 1000,
    loadMs: 1,
    peakMemoryBytes: null,
    energyJ: null,
  })
  const machine = { physicalCores: 1, logicalCores: 1, features: [], memoryBytes: 1, gpus: [] }
  return {
    hardware: { cpu: 'x', os: 'x', arch: 'x64', node: '20', onnxruntime: '1', ...machine },
    rows: [row(a), row(b)],
    ratios: [{ a, b, batch: 1, threads: 1, ratio, low: ratio, high: ratio }],
    energy: { available: false, source: '' },
    notes: [],
  }
}
