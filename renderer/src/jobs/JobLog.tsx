import { Button, CopyButton } from '@mantine/core'
import { useVirtualizer } from '@tanstack/react-virtual'
import { ArrowLeft } from 'lucide-react'
import { useEffect, useRef } from 'react'
import type { Job } from '../../../shared/domain'
import { isActive } from '../store/app'
import { useQuery } from '../store/query'
import { ErrorNotice } from '../ui/ErrorNotice'
import { LoadingLines } from '../ui/Loading'
import classes from './jobs.module.css'

const LINE = 18

/** The log of a job, fetched again with each of its events; stays at the end unless scrolled away. */
export function JobLog({ job, onBack }: { job: Job; onBack(): void }) {
  const log = useQuery(`job/${job.id}/log`, client => client.jobs.log({ id: job.id }))
  const lines = log.data?.lines ?? []
  const scroller = useRef<HTMLDivElement>(null)
  const atEnd = useRef(true)
  const virtual = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => LINE,
    overscan: 20,
  })
  const { reload } = log
  // biome-ignore lint/correctness/useExhaustiveDependencies: every change of the job means new lines
  useEffect(reload, [job, reload])
  useEffect(() => {
    if (atEnd.current && lines.length > 0) virtual.scrollToIndex(lines.length - 1)
  }, [lines.length, virtual])

  return (
    <div className={classes.logView}>
      <div className={classes.logBar}>
        <Button
          variant="subtle"
          color="gray"
          leftSection={<ArrowLeft size={14} aria-hidden />}
          onClick={onBack}
        >
          All jobs
        </Button>
        <CopyButton value={lines.join('\n')}>
          {({ copied, copy }) => (
            <Button variant="default" onClick={copy} disabled={lines.length === 0}>
              {copied ? 'Copied' : 'Copy'}
            </Button>
          )}
        </CopyButton>
      </div>
      {log.error && (
        <ErrorNotice error={log.error} actions={<Button onClick={log.reload}>Try again</Button>} />
      )}
      {!log.data && !log.error && <LoadingLines lines={10} />}
      {log.data && lines.length === 0 && (
        <p className={classes.stage}>
          {isActive(job) ? 'Nothing has been written yet.' : 'The job wrote nothing.'}
        </p>
      )}
      <section
        ref={scroller}
        className={classes.log}
        aria-label="Lines of the log"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: scrolling by keyboard
        tabIndex={0}
        onScroll={event => {
          const { scrollTop, clientHeight, scrollHeight } = event.currentTarget
          atEnd.current = scrollTop + clientHeight >= scrollHeight - LINE * 2
        }}
      >
        <div style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {virtual.getVirtualItems().map(item => (
            <div key={item.key} className={classes.line} style={{ transform: `translateY(${item.start}px)` }}>
              {lines[item.index]}
            </div>
          ))}
        </div>
      </section>
    </div>
  )
}
