/** Answers of a net under training: the forward graph in inference form over the weights as they are at the moment. */
import type { Device } from '../../shared/domain'
import { prepare } from '../autodiff/prepare'
import { makeValue } from '../onnx/build'
import type { Model } from '../onnx/model'
import { removeDead } from '../onnx/passes/remove-dead'
import { tensorDims } from '../onnx/tensor'
import { serialize } from '../onnx/write'
import { openSession } from '../runtime/session'
import type { Tensor } from '../runtime/tensor'

export interface Forward {
  /** One value of the graph for a batch. */
  run(feeds: Record<string, Tensor>): Promise<Tensor>
  close(): Promise<void>
}

/**
 * Opens the forward graph of a model up to `output`. `values` hold what stands in for initializers of these names
 * (weights, statistics of normalizations), read anew in every run; those of none, such as projectors, are left aside.
 */
export async function openForward(
  model: Model,
  output: string,
  values: ReadonlyMap<string, Float32Array>,
  o: { device: Device; threads: number },
): Promise<Forward> {
  const wrt = [...values.keys()].filter(name => model.graph.initializer(name))
  const { model: copy } = await prepare(model, { loss: output, wrt, training: false })
  copy.graph.proto.output = [makeValue(output, 'float32', null)]
  const { model: live } = await removeDead.run(copy)
  const session = await openSession(serialize(live), o, model.directory ?? undefined)
  const weights = Object.fromEntries(
    [...values].flatMap(([name, data]): [string, Tensor][] => {
      const tensor = model.graph.initializer(name)
      return tensor && session.inputs.some(i => i.name === name)
        ? [[name, { type: 'float32', dims: tensorDims(tensor), data }]]
        : []
    }),
  )
  const bound = session.bind(weights, [output])
  return {
    async run(feeds) {
      return (await bound(feeds))[output] as Tensor // the one output that was asked for
    },
    close: () => session.close(),
  }
}
