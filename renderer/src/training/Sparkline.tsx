import { memo } from 'react'
import type { Job } from '../../../shared/domain'
import { useQuery } from '../store/query'
import { recordOf } from './runs'
import { sparkValues } from './series'

const WIDTH = 56
const HEIGHT = 14

/** Points of a polyline in a box, the largest value at the top. */
export function sparkPoints(values: readonly number[], width: number, height: number): string {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const y = (v: number) =>
    high === low ? height / 2 : height - 1 - ((v - low) / (high - low)) * (height - 2)
  return values
    .map((v, i) => `${((i / Math.max(1, values.length - 1)) * width).toFixed(1)},${y(v).toFixed(1)}`)
    .join(' ')
}

/** The loss of a training job so far, tiny. */
export const JobSparkline = memo(function JobSparkline({ job }: { job: Job }) {
  const { key, fetch } = recordOf({ id: `job:${job.id}` })
  const record = useQuery(job.state === 'queued' ? null : key, fetch).data
  const values = record ? sparkValues(record) : []
  if (values.length < 3) return null
  return (
    <svg width={WIDTH} height={HEIGHT} role="img" aria-label="Loss so far" style={{ flex: 'none' }}>
      <polyline
        points={sparkPoints(values, WIDTH, HEIGHT)}
        fill="none"
        stroke="var(--bt-accent)"
        strokeWidth="1.25"
      />
    </svg>
  )
})
