import type { QuantizeLayer, QuantizeSensitivity } from '../../../shared/quantize'
import { lossScale, sqnrText } from '../quantize/rows'
import { openDialog } from '../store/ui'
import type { Column } from '../ui/DataTable'
import { dropColor, dropText, lossText } from '../ui/losses'
import { nodeParts } from '../ui/node-words'
import type { LayerRow } from './layer-rows'
import classes from './layers.module.css'

export type LossOf = (row: LayerRow) => QuantizeLayer | undefined

/** Finds what was measured of a layer: by the name of its node, which stays where two nodes became one. */
export function lossesByRow({ layers }: Pick<QuantizeSensitivity, 'layers'>): LossOf {
  const byName = new Map(layers.map(layer => [nodeParts(layer.node).name, layer]))
  return ({ name }) => byName.get(name)
}

/** What a layer loses alone in 8 bits; a click shows why, and what may be done. */
export function lossColumn(losses: QuantizeSensitivity, lossOf: LossOf, variant: string): Column<LayerRow> {
  const { metric } = losses
  const scale = lossScale(losses)
  return {
    id: 'loss',
    title: 'Loss in int8',
    width: 'minmax(5.6rem, 0.8fr)',
    align: 'right',
    value: row => lossOf(row)?.whole.drop.value ?? null,
    render: row => {
      const layer = lossOf(row)
      if (!layer) return <span style={{ color: 'var(--bt-faint)' }}>–</span>
      const { drop, sqnr } = layer.whole
      return (
        <button
          type="button"
          className={classes.open}
          style={{ color: dropColor(drop, scale) }}
          title={`Alone in 8 bits: ${lossText(drop, metric)}, ${sqnrText(sqnr)}. Click to see why.`}
          onClick={event => {
            event.stopPropagation()
            openDialog({ kind: 'quantize', parent: variant, layer: layer.id })
          }}
        >
          {dropText(drop.value, metric)}
        </button>
      )
    },
  }
}
