import type { ErrorData } from '../../../shared/errors'
import classes from './jobs.module.css'

/** Why a job failed, in one line, in the place where it was started. */
export function WhatFailed({ error }: { error: ErrorData }) {
  return (
    <span
      className={`${classes.whatFailed} ellipsis`}
      role="alert"
      title={`${error.message} ${error.action ?? ''}`}
    >
      {error.message}
    </span>
  )
}
