import { Skeleton } from '@mantine/core'
import classes from './ui.module.css'

/** Lines where text or a table will be, as tall as they will be: nothing jumps when the answer comes. */
export function LoadingLines({ lines = 4, height = 14 }: { lines?: number; height?: number }) {
  return (
    <div className={classes.loading} role="status" aria-label="Loading">
      {Array.from({ length: lines }, (_, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the lines are all alike
        <Skeleton key={i} height={height} width={`${92 - ((i * 17) % 38)}%`} radius="sm" />
      ))}
    </div>
  )
}

/** A block of a fixed height where a chart or picture will be. */
export function LoadingBlock({ height }: { height: number | string }) {
  return <Skeleton height={height} radius="sm" role="status" aria-label="Loading" />
}
