import { BaseEdge, type EdgeProps } from '@xyflow/react'
import { memo } from 'react'
import type { RoutedEdgeType } from './flow-types'
import { pathThrough } from './layout'

/** An edge along the bends that the layout found, around the boxes. */
export const RoutedEdge = memo(function RoutedEdge({ id, data, ...ends }: EdgeProps<RoutedEdgeType>) {
  const points = data?.points ?? []
  const straight = [
    { x: ends.sourceX, y: ends.sourceY },
    { x: ends.targetX, y: ends.targetY },
  ]
  return <BaseEdge id={id} path={pathThrough(points.length > 1 ? points : straight)} interactionWidth={0} />
})
