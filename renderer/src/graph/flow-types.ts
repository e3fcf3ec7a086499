import type { Edge, Node } from '@xyflow/react'
import type { Box } from './boxes'
import type { Point } from './layout'

/** Boxes and edges as the drawing library holds them. */
export type BoxNode = Node<{ box: Box }, 'box'>
export type RoutedEdgeType = Edge<{ points: readonly Point[] }, 'routed'>
