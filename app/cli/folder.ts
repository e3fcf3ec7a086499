/** A folder of variants: its ONNX files, their evidence, and which of them the others were made from. */
import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { modelHash } from '../../main/onnx/read'
import { readEvidence } from '../../main/operations/evidence'
import { BantamError } from '../../shared/errors'
import { type Candidate, modelName } from './measure'

/**
 * The folder's models, the reference first: `reference` when given (it may lie elsewhere), else the one without
 * evidence that most others name as their parent, else the only one without evidence.
 * Throws `bad-data` saying what the folder needs.
 */
export async function readFolder(folder: string, reference?: string): Promise<Candidate[]> {
  const files = readdirSync(folder)
    .filter(name => /\.onnx$/i.test(name))
    .sort()
    .map(name => join(folder, name))
  if (files.length === 0) {
    throw new BantamError('bad-data', 'The folder holds no ONNX file.', {
      where: folder,
      action:
        'Put variants there with `bantam quantize MODEL --method M --out FOLDER/NAME.onnx`, and a copy of MODEL.',
    })
  }
  const candidates: Candidate[] = []
  for (const path of files)
    candidates.push({ path, name: modelName(path), evidence: await readEvidence(path) })
  const others = candidates.filter(c => !reference || resolve(c.path) !== resolve(reference))
  const first = reference
    ? { path: reference, name: modelName(reference), evidence: null }
    : await findReference(folder, candidates)
  return [first, ...others.filter(c => c.path !== first.path)]
}

async function findReference(folder: string, candidates: readonly Candidate[]): Promise<Candidate> {
  const originals = candidates.filter(c => c.evidence === null)
  const votes = await Promise.all(
    originals.map(async candidate => {
      const hash = await modelHash(candidate.path)
      return { candidate, votes: candidates.filter(c => c.evidence?.parent.hash === hash).length }
    }),
  )
  const [best] = votes.sort((a, b) => b.votes - a.votes)
  if (best && (best.votes > 0 || originals.length === 1)) return best.candidate
  throw new BantamError('bad-data', 'It is not clear which model the variants were made from.', {
    where: folder,
    action: 'Name it with --reference MODEL.',
  })
}
