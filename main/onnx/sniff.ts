/** Telling what a file is that somebody took for an ONNX model. */
import { BantamError } from '../../shared/errors'

interface Kind {
  /** Bytes at `at` (text is Latin-1). */
  at: number
  magic: string
  what: string
  action?: string
}

const EXPORT = 'Export the model to ONNX first.'
const KINDS: Kind[] = [
  { at: 0, magic: '\x89PNG', what: 'a PNG picture' },
  { at: 0, magic: '\xff\xd8\xff', what: 'a JPEG picture' },
  { at: 0, magic: 'GIF8', what: 'a GIF picture' },
  { at: 8, magic: 'WEBP', what: 'a WebP picture' },
  { at: 0, magic: '%PDF', what: 'a PDF document' },
  {
    at: 4,
    magic: 'TFL3',
    what: 'a TensorFlow Lite model',
    action: 'Convert it to ONNX first, for example with tf2onnx.',
  },
  { at: 0, magic: 'GGUF', what: 'a GGUF model', action: EXPORT },
  { at: 0, magic: '\x89HDF', what: 'an HDF5 file (a Keras model?)', action: EXPORT },
  {
    at: 0,
    magic: 'PK\x03\x04',
    what: 'a zip archive (a PyTorch checkpoint?)',
    action: 'Unpack it, or export the model to ONNX first.',
  },
  { at: 0, magic: '\x1f\x8b', what: 'a gzip archive', action: 'Unpack it first.' },
  { at: 0, magic: '\x80\x02', what: 'a Python pickle', action: EXPORT },
  { at: 0, magic: '\x80\x04\x95', what: 'a Python pickle', action: EXPORT },
  {
    at: 0,
    magic: 'version https://git-lfs',
    what: 'a Git LFS pointer: the model itself was not downloaded',
    action: 'Run `git lfs pull` where it came from.',
  },
  { at: 8, magic: '{"', what: 'a safetensors file, which holds weights without a graph', action: EXPORT },
  { at: 0, magic: '<!DOCTYPE', what: 'a web page', action: 'Download the model again.' },
  { at: 0, magic: '<html', what: 'a web page', action: 'Download the model again.' },
]

/** True for ONNX Runtime's own flatbuffer format (.ort). */
export function isOrtFormat(head: Uint8Array): boolean {
  return latin1(head.subarray(4, 8)) === 'ORTM'
}

/** Throws `bad-file` (`unsupported` for .ort) when the first bytes show that this is no ONNX file. */
export function refuseForeign(head: Uint8Array): void {
  if (head.byteLength === 0) {
    throw new BantamError('bad-file', 'The file is empty.', { action: 'Copy or export the file again.' })
  }
  if (isOrtFormat(head)) {
    throw new BantamError('unsupported', 'The file is in ORT format, which can be run but not changed.', {
      action: 'Open the ONNX file it was made from.',
    })
  }
  const text = latin1(head.subarray(0, 64))
  const kind = KINDS.find(k => text.startsWith(k.magic, k.at))
  if (kind) {
    throw new BantamError('bad-file', `The file is not an ONNX model but ${kind.what}.`, {
      action: kind.action ?? 'Choose an .onnx file.',
    })
  }
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}
