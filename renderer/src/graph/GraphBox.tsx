import { Handle, type NodeProps, Position, useStore } from '@xyflow/react'
import { memo, useContext } from 'react'
import { shapeText } from '../layers/layer-rows'
import type { Box, BoxRow } from './boxes'
import type { BoxNode } from './flow-types'
import classes from './graph.module.css'
import { GraphLookContext } from './graph-look'
import { Marks } from './Marks'
import { rowName, shortShape } from './search'

/** Below this zoom text cannot be read and is not drawn. */
const READABLE = 0.38

/** Characters of a row's name, beside operator and shape. */
const ROOM = 38

/** Nodes in a row, as a box of rows. */
export const GraphBox = memo(function GraphBox({ data }: NodeProps<BoxNode>) {
  const readable = useStore(s => s.transform[2] >= READABLE)
  const { box } = data
  return (
    <div className={classes.box} data-kind={box.kind} data-far={!readable || undefined}>
      <Handle type="target" position={Position.Top} className={classes.handle} isConnectable={false} />
      {box.rows.map(row =>
        row.node ? (
          <Row key={row.node.id} row={row} readable={readable} />
        ) : (
          <EndRow key={row.title} row={row} kind={box.kind} readable={readable} />
        ),
      )}
      <Handle type="source" position={Position.Bottom} className={classes.handle} isConnectable={false} />
    </div>
  )
})

function EndRow({ row, kind, readable }: { row: BoxRow; kind: Box['kind']; readable: boolean }) {
  if (!readable) return <div className={classes.row} />
  return (
    <div className={classes.row} title={`${row.title}: ${shapeText(row.shape)}`}>
      <span className={classes.op}>{kind}</span>
      <span className={classes.name}>{row.title}</span>
      <span className={classes.shape}>{shortShape(row.shape)}</span>
    </div>
  )
}

function Row({ row, readable }: { row: BoxRow; readable: boolean }) {
  const look = useContext(GraphLookContext)
  const { node } = row
  if (!node) return null
  const reason = look.dimmed?.(node) ?? null
  const color = look.colorOf(node)
  const marks = look.marksOf?.(node) ?? []
  const shape = shortShape(row.shape)
  const room = ROOM - node.op.length - shape.length - marks.length * 3
  return (
    <button
      type="button"
      tabIndex={-1}
      className={classes.row}
      data-dimmed={reason !== null || undefined}
      data-selected={look.selected === node.id || undefined}
      title={`${node.op}  ${node.name}\n${shapeText(row.shape)}${reason ? `\nCannot be chosen: ${reason}` : ''}`}
      onClick={() => look.onSelect(node)}
    >
      <span className={classes.hue} style={{ background: color }} />
      {readable && (
        <>
          <span className={classes.op}>{node.op}</span>
          <span className={classes.name}>{room > 3 ? rowName(node, room) : ''}</span>
          <span className={classes.shape}>{shape}</span>
        </>
      )}
      <Marks marks={marks} />
    </button>
  )
}
