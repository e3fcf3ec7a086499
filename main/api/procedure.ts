/** What every handler is built with: the contract, and the one place where errors take their form for the wire. */
import { implement, ORPCError, ValidationError } from '@orpc/server'
import { contract } from '../../shared/contract'
import { type ErrorData, errorLine, toErrorData } from '../../shared/errors'

/** Handlers of the contract. Whatever they throw reaches the screen as an ORPCError `BANTAM` with `ErrorData`. */
export const procedure = implement(contract).use(async ({ next }) => {
  try {
    return await next()
  } catch (error) {
    throw toWire(error)
  }
})

/** The only conversion to the wire. Bugs are printed, for the screen shows only their message. */
export function toWire(error: unknown): ORPCError<'BANTAM', ErrorData> {
  if (error instanceof ORPCError && error.code === 'BANTAM') return error
  const data = invalidInput(error) ?? toErrorData(error)
  if (data.code === 'internal') console.error(error)
  return new ORPCError('BANTAM', { message: errorLine(data), data, defined: true, cause: error })
}

function invalidInput(error: unknown): ErrorData | undefined {
  if (!(error instanceof ORPCError) || !(error.cause instanceof ValidationError)) return undefined
  if (error.code !== 'BAD_REQUEST') {
    // What a handler answered does not fit the contract: a bug of ours.
    const [issue] = error.cause.issues
    return { code: 'internal', message: `The answer does not fit the contract: ${describe(issue)}` }
  }
  const [issue] = error.cause.issues
  return { code: 'bad-option', message: describe(issue), action: 'Correct the value.' }
}

function describe(issue: ValidationError['issues'][number] | undefined): string {
  if (!issue) return 'A value is invalid.'
  const path = (issue.path ?? []).map(part => String(typeof part === 'object' ? part.key : part)).join('.')
  return path ? `${path}: ${issue.message}` : issue.message
}
