/**
 * Convolutions. With W [M, C/group, k…] every output element is a sum of prod(W[1…]) products:
 *   macs(Conv) = prod(Y) · prod(W[1…])
 * and with W [C, M/group, k…] every input element of a transposed one meets prod(W[1…]) weights:
 *   macs(ConvTranspose) = prod(X) · prod(W[1…])
 */
import type { ConvolutionOp } from './names'
import { fromInputs, type OpRow, product } from './row'

/** Forward convolution whose weight is input `weight`. */
function forward(weight: number): OpRow {
  return fromInputs([weight], ([w], node, shapes) => {
    const y = shapes(node.output[0] ?? '')
    return y && w && product(y) * product(w.slice(1))
  })
}

const transposed = fromInputs([0, 1], ([x, w]) => x && w && product(x) * product(w.slice(1)))

export const convolution = {
  Conv: forward(1),
  ConvInteger: forward(1),
  ConvTranspose: transposed,
  CausalConvWithState: forward(1),
  // Sampling between pixels is interpolation, which counts zero.
  DeformConv: forward(1),
  QLinearConv: forward(3),
  'com.microsoft:CausalConvWithState': forward(1),
  'com.microsoft:ConvTransposeWithDynamicPads': transposed,
  'com.microsoft:FusedConv': forward(1),
  'com.microsoft:NhwcConv': forward(1),
  'com.microsoft:NhwcFusedConv': forward(1),
  'com.microsoft:QLinearConv': forward(3),
} satisfies Record<ConvolutionOp, OpRow>
