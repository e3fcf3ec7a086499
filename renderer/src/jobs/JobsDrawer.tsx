import { Button, Drawer } from '@mantine/core'
import { Rows3 } from 'lucide-react'
import { matchesShortcut } from '../actions/keyboard'
import { inOrder, isActive, useApp } from '../store/app'
import { useClient } from '../store/connection'
import { openJobs, useUi } from '../store/ui'
import { EmptyState } from '../ui/EmptyState'
import { notifyError } from '../ui/notify'
import { JobCard } from './JobCard'
import { JobLog } from './JobLog'
import classes from './jobs.module.css'

/** Jobs under way and finished, newest first; the log of one of them in their place when asked for. */
export function JobsDrawer() {
  const client = useClient()
  const opened = useUi(s => s.jobsOpen)
  const logged = useUi(s => s.jobLog)
  const jobs = useApp(s => s.jobs)
  const job = jobs.find(j => j.id === logged)
  const finished = jobs.filter(j => !isActive(j))
  const close = () => useUi.setState({ jobsOpen: false, jobLog: null })
  return (
    <Drawer
      opened={opened}
      onClose={close}
      onKeyDown={event => {
        // The key that opened it closes it, though keys in a dialog are its own.
        if (matchesShortcut(event, 'J') && !(event.target instanceof HTMLInputElement)) close()
      }}
      position="right"
      size={480}
      title={job ? `Log of ${job.title}` : 'Jobs'}
      overlayProps={{ backgroundOpacity: 0.25 }}
      transitionProps={{ duration: 120 }}
      closeButtonProps={{ 'aria-label': 'Close' }}
      classNames={{ content: classes.content, body: classes.drawer }}
    >
      {job && <JobLog job={job} onBack={() => openJobs()} />}
      {!job && jobs.length === 0 && (
        <EmptyState icon={Rows3} title="Nothing has run yet">
          Imports, new variants, measurements and reports appear here while they run, with their log.
        </EmptyState>
      )}
      {!job && jobs.length > 0 && (
        <>
          <div className={classes.list} tabIndex={-1} data-autofocus>
            {[...inOrder(jobs.filter(isActive)), ...finished].map(j => (
              <JobCard key={j.id} job={j} />
            ))}
          </div>
          {finished.length > 0 && (
            <div className={classes.foot}>
              <Button
                variant="default"
                onClick={() => {
                  client.jobs
                    .clear()
                    .then(() => useApp.setState(s => ({ jobs: s.jobs.filter(isActive) })))
                    .catch(notifyError)
                }}
              >
                Clear finished
              </Button>
            </div>
          )}
        </>
      )}
    </Drawer>
  )
}
