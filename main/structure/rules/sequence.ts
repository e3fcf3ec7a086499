/** Channels through recurrent layers. */
import { type Dim, fixedDim, productOf } from '../dims'
import { setAttribute } from '../edits'
import type { ChannelRule, Site } from '../flow'

/**
 * With g gates (LSTM 4, GRU 3, RNN 1): W [dirs, g·H, I], R [dirs, g·H, H], B [dirs, 2·g·H], P [dirs, 3·H];
 * X [L, B, I], Y [L, dirs, B, H], states [dirs, B, H], or with layout 1 the batch first.
 * https://onnx.ai/onnx/operators/onnx__LSTM.html
 */
export function recurrent(gates: number): ChannelRule {
  return s => {
    const [x, w, r] = [s.input(0), s.input(1), s.input(2)]
    const hidden = r[2]
    if (!hidden) return
    const times = (n: number) => productOf([gate(s, n), hidden])
    s.unify(x[2], w[2])
    s.unify(w[1], times(gates))
    s.unify(r[1], times(gates))
    if (s.has(3)) s.unify(s.input(3)[1], times(2 * gates))
    for (const i of [5, 6]) if (s.has(i)) s.unify(s.input(i)[2], hidden)
    if (s.has(7)) s.unify(s.input(7)[1], times(3))
    const directions = [w[0], r[0], ...[3, 5, 6, 7].map(i => s.input(i)[0])]
    s.place([...x.slice(0, 2), ...s.input(4), ...directions])
    for (const [i] of s.node.output.entries()) {
      const y = s.output(i)
      s.unify(y.at(-1), hidden)
      s.place(y.slice(0, -1))
    }
    s.edit((node, slicing) => {
      if (slicing.changed(hidden)) setAttribute(node, 'hidden_size', BigInt(slicing.size(hidden)))
    })
  }
}

function gate(s: Site, size: number): Dim {
  return fixedDim(size, { message: `${s.node.opType} needs this number.`, node: s.where, place: true })
}
