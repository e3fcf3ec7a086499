/**
 * The one error type of Bantam. Every failure a person can see is a `BantamError`; anything else that
 * escapes is a bug and is shown as `internal`.
 */
import { z } from 'zod'

export const ErrorCode = z.enum([
  'bad-file', // a file cannot be read as what it claims to be
  'bad-model', // an ONNX model is invalid, or ONNX Runtime refuses it
  'bad-data', // a dataset is invalid or does not fit the model
  'bad-option', // an option, argument or recipe is invalid
  'not-found', // a file, record or node does not exist
  'unsupported', // valid input that Bantam or ONNX Runtime cannot handle
  'conflict', // another instance or job holds the resource
  'no-space', // the disk is full
  'cancelled', // stopped by the person
  'paused', // a training saved its place, to go on later
  'crashed', // a job process died
  'gate', // a limit the person set was not met
  'internal', // a bug
])
export type ErrorCode = z.infer<typeof ErrorCode>

export const ErrorData = z.object({
  code: ErrorCode,
  /** What went wrong, one sentence. */
  message: z.string(),
  /** File, node, tensor, row or option concerned. */
  where: z.string().optional(),
  /** What the person can do next. */
  action: z.string().optional(),
})
export type ErrorData = z.infer<typeof ErrorData>

export class BantamError extends Error {
  readonly code: ErrorCode
  readonly where: string | undefined
  readonly action: string | undefined

  constructor(
    code: ErrorCode,
    message: string,
    details: { where?: string; action?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: details.cause })
    this.name = 'BantamError'
    this.code = code
    this.where = details.where
    this.action = details.action
  }
}

/** Turns anything thrown into the wire form. The only place where foreign errors are classified. */
export function toErrorData(error: unknown): ErrorData {
  if (error instanceof BantamError) {
    return { code: error.code, message: error.message, where: error.where, action: error.action }
  }
  const message = error instanceof Error ? error.message : String(error)
  const system = error instanceof Error && 'code' in error ? error.code : undefined
  if (system === 'ENOSPC' || system === 'EDQUOT') {
    return { code: 'no-space', message: 'The disk is full.', action: 'Free some space and try again.' }
  }
  if (system === 'ENOENT') return { code: 'not-found', message, action: 'Check the path.' }
  if (system === 'EACCES' || system === 'EPERM') {
    return { code: 'bad-file', message, action: 'Check the permissions of the file or folder.' }
  }
  if (system === 'EROFS' || system === 'ENOTDIR' || system === 'EISDIR') {
    return { code: 'bad-file', message, action: 'Choose a place that can be written.' }
  }
  if (error instanceof Error && error.name === 'AbortError')
    return { code: 'cancelled', message: 'Cancelled.' }
  return { code: 'internal', message }
}

/** Rebuilds a `BantamError` from its wire form. */
export function fromErrorData(data: ErrorData): BantamError {
  return new BantamError(data.code, data.message, data)
}

/** One line: what, where, what to do. */
export function errorLine(data: ErrorData): string {
  const where = data.where ? ` [${data.where}]` : ''
  const action = data.action ? ` ${data.action}` : ''
  return `${data.message}${where}${action}`
}
