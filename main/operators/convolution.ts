/**
 * Convolutions. With W [M, C/group, k…] every output element is a sum of prod(W[1…]) products:
 *   macs(Conv) = prod(Y) · prod(W[1…])
 * and with W [C, M/group, k…] every input element of a transposed one meets prod(W[1…]) weights:
 *   macs(ConvTranspose) = prod(X) · prod(W[1…])
 */
import { conv, convTranspose } from './convolution-gradient'
import { FUSED, QUANTIZED, unsupported } from './gradient'
import type { ConvolutionOp } from './names'
import { type CostRow, fromInputs, type OpRow, product, row } from './row'

/** Forward convolution whose weight is input `weight`. */
function forward(weight: number): CostRow {
  return fromInputs([weight], ([w], node, shapes) => {
    const y = shapes(node.output[0] ?? '')
    return y && w && product(y) * product(w.slice(1))
  })
}

const transposed = fromInputs([0, 1], ([x, w]) => x && w && product(x) * product(w.slice(1)))

export const convolution = {
  Conv: row(forward(1), conv),
  ConvInteger: row(forward(1), QUANTIZED),
  ConvTranspose: row(transposed, convTranspose),
  CausalConvWithState: row(forward(1), unsupported('It keeps a state, which training does not have.')),
  // Sampling between pixels is interpolation, which counts zero.
  DeformConv: row(forward(1), unsupported('Its gradient is not written.')),
  QLinearConv: row(forward(3), QUANTIZED),
  'com.microsoft:CausalConvWithState': row(forward(1), FUSED),
  'com.microsoft:ConvTransposeWithDynamicPads': row(transposed, FUSED),
  'com.microsoft:FusedConv': row(forward(1), 'expanded'),
  'com.microsoft:NhwcConv': row(forward(1), FUSED),
  'com.microsoft:NhwcFusedConv': row(forward(1), FUSED),
  'com.microsoft:QLinearConv': row(forward(3), QUANTIZED),
} satisfies Record<ConvolutionOp, OpRow>
