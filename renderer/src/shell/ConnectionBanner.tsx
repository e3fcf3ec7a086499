import { Button, Loader } from '@mantine/core'
import { useEffect, useState } from 'react'
import { useApp } from '../store/app'
import { useConnection } from '../store/connection'
import classes from './shell.module.css'

/** Says that the engine is away and connects again. Short losses pass unseen. */
export function ConnectionBanner() {
  const connection = useConnection()
  const lost = useApp(s => s.connection === 'lost')
  const [late, setLate] = useState(false)
  useEffect(() => {
    if (!lost) return setLate(false)
    const timer = setTimeout(() => setLate(true), 600)
    return () => clearTimeout(timer)
  }, [lost])
  if (!lost || !late) return <div />
  return (
    <div className={classes.banner} role="status">
      <Loader size={14} color="var(--bt-worse)" />
      The connection to the engine was lost. Bantam connects again by itself; running jobs go on. If you
      closed it, start it again and open the address it prints.
      <Button size="compact-xs" variant="default" onClick={() => connection.retry()}>
        Try now
      </Button>
    </div>
  )
}
