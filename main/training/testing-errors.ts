/** Imported by tests only. */
import { BantamError, type ErrorData, toErrorData } from '../../shared/errors'

/** The error a promise ends with, as data; fails when it ends well. */
export async function inspectProblem(run: Promise<unknown>): Promise<ErrorData> {
  try {
    await run
  } catch (error) {
    if (!(error instanceof BantamError)) throw error
    return toErrorData(error)
  }
  throw new Error('It went well.')
}
