/** Workspaces and records for tests. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatasetSummary, Evaluation, ModelSummary } from '../../shared/domain'
import { addDataset } from './datasets'
import { addModel } from './models'
import { createStudy } from './studies'
import { addVariant } from './variants'
import { openWorkspace, type Workspace } from './workspace'

/** Runs `work` with a folder of its own. */
export async function inFolder<T>(work: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'bantam-test-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export async function inWorkspace<T>(work: (workspace: Workspace) => T | Promise<T>): Promise<T> {
  return inFolder(async folder => {
    const workspace = openWorkspace(folder)
    try {
      return await work(workspace)
    } finally {
      workspace.close()
    }
  })
}

export function modelSummary(hash: string): ModelSummary {
  return {
    hash,
    sizeBytes: 1000,
    opset: 17,
    opsets: { '': 17 },
    producer: 'test',
    inputs: [{ name: 'x', type: 'float32', shape: ['batch', 4] }],
    outputs: [{ name: 'y', type: 'float32', shape: ['batch', 2] }],
    parameters: 10,
    macs: 8,
    unknownCost: {},
    nodes: 1,
    operators: { Gemm: 1 },
    layers: [{ name: 'gemm', op: 'Gemm', parameters: 10, macs: 8, bytes: 40, outputShape: ['batch', 2] }],
    notes: [],
  }
}

export function datasetSummary(source: string): DatasetSummary {
  return {
    spec: { source, inputs: {}, split: { seed: 0, train: 0.6, calibration: 0.1, test: 0.3 } },
    hash: 'd'.repeat(64),
    format: 'npz',
    count: 10,
    inputs: [{ name: 'x', type: 'float32', shape: [4] }],
    task: 'classification',
    classes: ['a', 'b'],
    classCounts: [5, 5],
    splits: { train: 6, calibration: 1, test: 3 },
    notes: [],
  }
}

export function evaluation(model: string, accuracy: number): Evaluation {
  return {
    model,
    data: { hash: 'd'.repeat(64), source: 'test', split: 'test', count: 3 },
    task: 'classification',
    metrics: { accuracy: { value: accuracy, low: accuracy - 0.1, high: accuracy } },
    perClass: [{ name: 'a', count: 3, precision: 1, recall: 1, f1: 1 }],
    confusion: [[3]],
    agreement: [],
    differences: [],
    seconds: 1,
    notes: [],
  }
}

/** A study with a teacher and a dataset; variants are added with `addChild`. */
export function makeStudy(workspace: Workspace): { study: string; teacher: string; dataset: string } {
  const study = createStudy(workspace, 'Test').id
  const teacher = addChild(workspace, study, null, 'Teacher')
  const dataset = addDataset(workspace, {
    study,
    name: 'Data',
    pictures: true,
    summary: datasetSummary('/data.npz'),
  })
  return { study, teacher, dataset }
}

/** Records a variant of a model of its own. */
export function addChild(workspace: Workspace, study: string, parent: string | null, name: string): string {
  const model = crypto.randomUUID().replaceAll('-', '').repeat(2)
  addModel(workspace, modelSummary(model))
  return addVariant(workspace, {
    study,
    parent,
    name,
    model,
    step: parent ? { technique: 'quantize.static-int8', options: { perChannel: true } } : null,
    seed: 3,
    plan: null,
    verification: null,
    evidence: null,
  })
}
