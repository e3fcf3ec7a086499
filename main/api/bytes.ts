/** The routes beside the contract that answer with bytes, for whichever shell serves them. */
import { BantamError, toErrorData } from '../../shared/errors'
import { readArtifact } from '../workspace/artifacts'
import type { Bench } from './bench'
import type { Pictures } from './pictures'

export type BytesAnswer =
  | { status: 200; headers: Record<string, string>; body: Uint8Array | { path: string } }
  | { status: 404 | 422; headers: Record<string, string>; body: Uint8Array }

/** Answers `/data/ID/INDEX.png` and `/artifacts/ID`; undefined for any other path. */
export async function answerBytes(
  bench: Bench,
  pictures: Pictures,
  path: string,
): Promise<BytesAnswer | undefined> {
  try {
    const picture = /^\/data\/([\w-]{1,64})\/(\d{1,12})\.png$/.exec(path)
    if (picture) return await answerPicture(pictures, picture[1] ?? '', Number(picture[2]))
    const artifact = /^\/artifacts\/([\w-]{1,64})$/.exec(path)
    if (artifact) return answerArtifact(bench, artifact[1] ?? '')
  } catch (error) {
    const data = toErrorData(error)
    return plain(data.code === 'not-found' ? 404 : 422, data.message)
  }
  return undefined
}

async function answerPicture(pictures: Pictures, dataset: string, index: number): Promise<BytesAnswer> {
  const body = await pictures.get(dataset, index)
  if (!body) throw new BantamError('not-found', 'The sample has no picture.')
  // A sample of a dataset never changes: its specification is fixed when it is imported.
  const headers = { 'content-type': 'image/png', 'cache-control': 'private, max-age=86400, immutable' }
  return { status: 200, headers, body }
}

function answerArtifact({ workspace }: Bench, id: string): BytesAnswer {
  const { artifact, path } = readArtifact(workspace, id)
  const headers = {
    'content-type': artifact.mime,
    'content-length': String(artifact.bytes),
    // RFC 6266: the plain name for old clients, the encoded one for names beyond ASCII.
    'content-disposition': `attachment; filename="${artifact.name.replace(/[^\w.-]/g, '_')}"; filename*=UTF-8''${encodeURIComponent(artifact.name)}`,
    'cache-control': 'no-store',
  }
  return { status: 200, headers, body: { path } }
}

function plain(status: 404 | 422, message: string): BytesAnswer {
  return {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: new TextEncoder().encode(message),
  }
}
