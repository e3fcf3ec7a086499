import { Button } from '@mantine/core'
import { Component, type ReactNode } from 'react'
import type { ErrorData } from '../../../shared/errors'
import { asErrorData } from '../client'
import { ErrorNotice } from './ErrorNotice'

/** Keeps a fault of one part to that part, and says what to do. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: ErrorData | null }> {
  override state: { error: ErrorData | null } = { error: null }

  static getDerivedStateFromError(error: unknown) {
    return { error: { ...asErrorData(error), action: 'Show it again, or choose another variant.' } }
  }

  override render() {
    const { error } = this.state
    if (!error) return this.props.children
    return (
      <div style={{ padding: 16 }}>
        <ErrorNotice
          error={error}
          actions={
            <Button variant="default" onClick={() => this.setState({ error: null })}>
              Show again
            </Button>
          }
        />
      </div>
    )
  }
}
