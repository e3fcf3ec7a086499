import { CloseButton } from '@mantine/core'
import type { TensorInfo } from '../../../shared/domain'
import { formatExact } from '../../../shared/format'
import type { GraphNode } from '../../../shared/training'
import { shapeText } from '../layers/layer-rows'
import classes from './graph.module.css'

interface NodeDetailsProps {
  node: GraphNode
  /** The node of the same name on the other side. */
  twin: GraphNode | undefined
  onClose(): void
}

function valueText({ name, type, shape }: TensorInfo): string {
  return `${name}: ${type} ${shapeText(shape)}`
}

/** Everything known of a node: what it reads, what it makes, its parameters. */
export function NodeDetails({ node, twin, onClose }: NodeDetailsProps) {
  const [shape, other] = [node, twin].map(n => n && shapeText(n.outputs[0]?.shape ?? null))
  return (
    <aside className={classes.details} aria-label="Node">
      <div className={classes.detailsHead}>
        <strong>{node.op}</strong>
        <span className={`${classes.code} ellipsis`} title={node.name}>
          {node.name}
        </span>
        <CloseButton size="xs" aria-label="Close" onClick={onClose} />
      </div>
      <dl className={classes.facts}>
        <dt>Reads</dt>
        <dd className={classes.code}>{node.inputs.join(', ') || 'constants only'}</dd>
        <dt>Makes</dt>
        <dd className={classes.code}>{node.outputs.map(valueText).join('; ')}</dd>
        <dt>Parameters</dt>
        <dd>
          {formatExact(node.parameters)}
          {twin &&
            twin.parameters !== node.parameters &&
            `, ${formatExact(twin.parameters)} on the other side`}
        </dd>
        {twin && (twin.op !== node.op || shape !== other) && (
          <>
            <dt>Other side</dt>
            <dd>
              {twin.op}, {other}
            </dd>
          </>
        )}
      </dl>
    </aside>
  )
}
