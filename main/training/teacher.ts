/**
 * What students learn from: values of one or several teachers for a batch, computed in sessions of their own in which
 * the teachers' weights are constants. Where the samples are the same in every epoch, they are computed once and kept
 * on disk.
 */
import { closeSync, mkdtempSync, openSync, readSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Device } from '../../shared/domain'
import { BantamError } from '../../shared/errors'
import { breathe, type TaskContext } from '../jobs/context'
import { fixedBatch } from '../measure/inputs'
import { makeValue } from '../onnx/build'
import { copyModel } from '../onnx/copy'
import type { Model } from '../onnx/model'
import { removeDead } from '../onnx/passes/remove-dead'
import { serialize } from '../onnx/write'
import { openSession, type Session } from '../runtime/session'
import type { Tensor } from '../runtime/tensor'
import type { Samples } from './samples'

/** An input of the training graph, and the teacher's value that it takes. */
export interface TeacherTarget {
  input: string
  teacher: number
  value: string
}

export type Targets = Record<string, Tensor>

export interface TeacherValues {
  /** Values for a batch, by the names of the training graph's inputs. `indices` are the samples' in the dataset. */
  targets(feeds: Record<string, Tensor>, indices: Uint32Array): Promise<Targets>
  close(): Promise<void>
}

/** Opens the teachers. Throws `bad-option` for a value a teacher does not have, and what opening throws. */
export async function openTeachers(
  models: readonly Model[],
  targets: readonly TeacherTarget[],
  o: { device: Device; threads: number },
): Promise<TeacherValues> {
  const sessions: Session[] = []
  try {
    for (const [i, model] of models.entries()) {
      const wanted = new Set(targets.filter(t => t.teacher === i).map(t => t.value))
      sessions.push(await openTeacher(model, wanted, o))
    }
  } catch (error) {
    await Promise.all(sessions.map(s => s.close()))
    throw error
  }
  return {
    async targets(feeds) {
      const answers: Record<string, Tensor>[] = []
      for (const session of sessions) answers.push(await answer(session, feeds))
      return Object.fromEntries(
        targets.map(t => [t.input, answers[t.teacher]?.[t.value] as Tensor]), // asked for when it was opened
      )
    },
    async close() {
      await Promise.all(sessions.map(s => s.close()))
    },
  }
}

async function openTeacher(
  model: Model,
  wanted: ReadonlySet<string>,
  o: { device: Device; threads: number },
): Promise<Session> {
  const copy = copyModel(model)
  for (const name of wanted) {
    if (copy.graph.producer(name) || copy.graph.isInput(name)) continue
    throw new BantamError('bad-option', `The teacher has no value ${name}.`, {
      where: name,
      action: 'Choose an output of one of its nodes.',
    })
  }
  const declared = new Map(copy.graph.proto.output.map(v => [v.name, v]))
  copy.graph.proto.output = [...wanted].map(name => declared.get(name) ?? makeValue(name, 'float32', null))
  const { model: live } = await removeDead.run(copy)
  return openSession(serialize(live), o, model.directory ?? undefined)
}

/**
 * Runs a batch; in pieces where the teacher takes a fixed number of samples at a time, the last piece filled up with its
 * last sample.
 */
async function answer(session: Session, feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  const own = fixedBatch(session.inputs)
  const batch = Math.max(...Object.values(feeds).map(t => t.dims[0] ?? 1))
  if (own === null || own === batch) return session.run(feeds)
  const parts: Record<string, Tensor>[] = []
  for (let from = 0; from < batch; from += own) {
    const piece = Object.entries(feeds).map(([name, t]) => [
      name,
      t.dims[0] === batch ? rows(t, from, own) : t,
    ])
    parts.push(await session.run(Object.fromEntries(piece)))
  }
  const names = session.outputs.map(output => output.name)
  return Object.fromEntries(
    names.map(name => [
      name,
      joined(
        parts.map(part => part[name] as Tensor),
        batch / own,
      ),
    ]), // every piece gave all
  )
}

/** `count` samples from one on; the last sample again where there are no more. */
function rows(tensor: Tensor, from: number, count: number): Tensor {
  const there = tensor.dims[0] ?? 1
  const length = tensor.data.length / there
  const data = tensor.data.slice(from * length, (from + count) * length)
  const dims = [count, ...tensor.dims.slice(1)]
  if (from + count <= there) return { type: tensor.type, dims, data }
  const filled = new (data.constructor as new (n: number) => Float32Array)(count * length) // its own kind of array
  const source = data as Float32Array // numeric: text is not trained on
  for (let row = 0; row < count; row++) {
    const at = Math.min(row, there - from - 1) * length
    filled.set(source.subarray(at, at + length), row * length)
  }
  return { type: tensor.type, dims, data: filled }
}

/** Pieces one after the other, cut to `share` times the first: what was filled up is left out. */
function joined(parts: readonly Tensor[], share: number): Tensor {
  const dims = parts[0]?.dims ?? []
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0))
  let at = 0
  for (const part of parts) {
    data.set(part.data as Float32Array, at) // targets are float32
    at += part.data.length
  }
  const leading = Math.round((dims[0] ?? 1) * share)
  const length = (leading * (parts[0]?.data.length ?? 0)) / (dims[0] ?? 1)
  return { type: 'float32', dims: [leading, ...dims.slice(1)], data: data.slice(0, length) }
}

// ---------------------------------------------------------------- kept on disk

/** Share of the free disk that may be used. */
const DISK_SHARE = 0.5

/**
 * Computes the values of all samples once and keeps them in a file in `context.tempDir`. Answers with the teachers as
 * they are when the values of a sample cannot be told apart from its batch's, or take too much room.
 */
export async function keepTargets(
  live: TeacherValues,
  samples: Samples,
  indices: Uint32Array,
  batch: number,
  context: TaskContext,
): Promise<TeacherValues> {
  const probe = indices.subarray(0, Math.min(2, indices.length))
  const records = await separate(live, samples, probe)
  if (!records) return live
  const bytes = [...records.values()].reduce((sum, r) => sum + r.length * 4, 0)
  const disk = statfsSync(context.tempDir)
  if (bytes * indices.length > DISK_SHARE * disk.bavail * disk.bsize) return live
  const folder = mkdtempSync(join(context.tempDir, 'teacher-'))
  const file = openSync(join(folder, 'targets'), 'w+')
  const position = new Map(Array.from(indices, (index, i) => [index, i]))
  try {
    for (let from = 0; from < indices.length; from += batch) {
      const part = indices.subarray(from, from + batch)
      context.progress(from / indices.length, `Asking the teacher, sample ${from} of ${indices.length}`)
      const targets = await live.targets((await samples.batch(part)).feeds, part)
      part.forEach((_, row) => {
        let at = (from + row) * bytes
        for (const [name, { length }] of records) {
          const values = (targets[name] as Tensor).data.slice(row * length, (row + 1) * length)
          writeWhole(file, values as Float32Array, at) // separate() saw float32
          at += length * 4
        }
      })
      await breathe(context)
    }
  } catch (error) {
    closeSync(file)
    rmSync(folder, { recursive: true, force: true })
    if (isFull(error)) return live
    throw error
  }
  return {
    targets: async (_, wanted) => readTargets(file, records, bytes, position, wanted),
    async close() {
      closeSync(file)
      rmSync(folder, { recursive: true, force: true })
      await live.close()
    },
  }
}

/** A file may take a part of what it is given before it says that the disk is full. */
function writeWhole(file: number, values: Float32Array, at: number): void {
  for (let done = 0; done < values.byteLength; )
    done += writeSync(file, values, done, values.byteLength - done, at + done)
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
}

/** Values of one sample within a target: how many, and the shape with a leading axis per sample. */
interface RecordShape {
  length: number
  dims: number[]
}

/** How the targets of a batch fall apart into samples; undefined when two samples together give something else. */
async function separate(
  live: TeacherValues,
  samples: Samples,
  probe: Uint32Array,
): Promise<Map<string, RecordShape> | undefined> {
  const ask = async (part: Uint32Array) => live.targets((await samples.batch(part)).feeds, part)
  const together = await ask(probe)
  const single = await ask(probe.subarray(probe.length - 1))
  const records = new Map<string, RecordShape>()
  for (const [name, all] of Object.entries(together)) {
    const one = single[name]
    if (!one || all.type !== 'float32' || all.dims[0] !== (one.dims[0] ?? 0) * probe.length) return undefined
    const length = one.data.length
    const last = (all.data as Float32Array).subarray(all.data.length - length)
    const close = last.every((v, i) => Math.abs(v - Number(one.data[i])) <= 1e-3 * (1 + Math.abs(v)))
    if (!close) return undefined
    records.set(name, { length, dims: one.dims })
  }
  return records
}

function readTargets(
  file: number,
  records: ReadonlyMap<string, RecordShape>,
  bytes: number,
  position: ReadonlyMap<number, number>,
  wanted: Uint32Array,
): Targets {
  const all = new Map([...records].map(([name, r]) => [name, new Float32Array(r.length * wanted.length)]))
  wanted.forEach((index, row) => {
    let at = (position.get(index) ?? 0) * bytes
    for (const [name, { length }] of records) {
      const into = all.get(name)?.subarray(row * length, (row + 1) * length) ?? new Float32Array(length)
      readSync(file, into, 0, length * 4, at)
      at += length * 4
    }
  })
  return Object.fromEntries(
    [...records].map(([name, { dims }]) => [
      name,
      {
        type: 'float32',
        dims: [(dims[0] ?? 1) * wanted.length, ...dims.slice(1)],
        data: all.get(name) ?? new Float32Array(),
      },
    ]),
  )
}
