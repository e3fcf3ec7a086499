/** What to expect of zeros: a smaller archive, and nothing faster on ONNX Runtime. */
import type { Advice, Hardware, ModelSummary } from '../../shared/domain'
import { formatBytes } from '../../shared/format'
import type { RecoveryOptions } from '../../shared/prune'
import { recoveryNotes } from './advice'

const WEIGHTED = /^(Conv|ConvTranspose|MatMul|Gemm|LSTM|GRU|RNN)$/
/** Float weights hardly compress; a mask costs up to a bit for each weight. */
const DENSE = 0.93

export function adviseSparse(
  { model }: { model: ModelSummary; hardware: Hardware },
  options: RecoveryOptions & { amount: number },
): Advice {
  const { amount } = options
  const layers = model.layers.filter(layer => WEIGHTED.test(layer.op))
  const weighted = layers.reduce((sum, layer) => sum + layer.bytes, 0)
  const count = layers.reduce((sum, layer) => sum + layer.parameters, 0)
  const packed = DENSE * (model.sizeBytes - amount * weighted) + (entropy(amount) * count) / 8
  return {
    notes: [
      {
        code: 'not-faster',
        severity: 'warning',
        message: `ONNX Runtime multiplies with zeros as with any number: the file keeps its size and gets no faster. Compressed it takes some ${formatBytes(packed)}.`,
        action: 'Prune channels, heads or blocks to get smaller and faster everywhere.',
      },
      ...recoveryNotes(options),
    ],
    sizeBytes: model.sizeBytes,
    latencyRatio: { low: 1, high: 1 },
  }
}

/** Bits that tell for one weight whether it is zero. */
function entropy(share: number): number {
  const rest = 1 - share
  return share <= 0 || rest <= 0 ? 0 : -share * Math.log2(share) - rest * Math.log2(rest)
}
