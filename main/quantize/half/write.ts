/** Writing nodes that compute in float16. */
import type { NodeProto, TensorProto } from 'onnx-buf'
import type { TensorInfo } from '../../../shared/domain'
import { makeNode } from '../../onnx/build'
import type { Model } from '../../onnx/model'
import { dataTypeOf, makeTensor, tensorDims } from '../../onnx/tensor'
import { floatToHalf } from '../../runtime/tensor'
import { nodeId } from '../names'
import { floatValues } from '../weights'

const FLOAT = BigInt(dataTypeOf('float32'))
const HALF = BigInt(dataTypeOf('float16'))

/**
 * Makes nodes of a model compute in float16. Every float32 value may exist twice, as float32 under its own name and as
 * float16 under another; a Cast makes one from the other where a reader of the other kind needs it. `types`: of the
 * model's values; `chosen`: first outputs of the nodes.
 */
export function writeHalf(model: Model, types: Map<string, TensorInfo>, chosen: ReadonlySet<string>): void {
  new HalfWriter(model, types, chosen).write()
}

class HalfWriter {
  /** Value → its float16 form. */
  private readonly half = new Map<string, string>()
  /** Values that exist in float16 only until someone needs the float32 form. */
  private readonly madeHalf = new Set<string>()

  constructor(
    private readonly model: Model,
    private readonly types: Map<string, TensorInfo>,
    private readonly chosen: ReadonlySet<string>,
  ) {}

  write(): void {
    const { graph } = this.model
    const halfNodes = graph.nodes.filter(node => this.chosen.has(nodeId(node)))
    for (const node of halfNodes) this.outputs(node)
    for (const node of halfNodes) this.inputs(node)
    // What float32 readers, subgraphs and the caller still see under the old names.
    for (const name of this.madeHalf) {
      if (graph.uses(name).length === 0 && !graph.isOutput(name)) continue
      this.cast(this.half.get(name) as string, name, FLOAT)
    }
    graph.removeUnusedInitializers()
    graph.sort()
    const made = new Set(graph.nodes.flatMap(node => node.output))
    graph.proto.valueInfo = graph.proto.valueInfo.filter(v => made.has(v.name))
  }

  private isFloat(name: string): boolean {
    return this.types.get(name)?.type === 'float32'
  }

  private outputs(node: NodeProto): void {
    const { graph } = this.model
    for (const [i, name] of node.output.entries()) {
      if (name === '' || !this.isFloat(name)) continue
      const half = graph.freshName(`${name}_f16`)
      graph.setOutput(node, i, half)
      this.half.set(name, half)
      this.madeHalf.add(name)
    }
  }

  private inputs(node: NodeProto): void {
    for (const [i, name] of node.input.entries()) {
      if (name !== '' && this.isFloat(name)) this.model.graph.setInput(node, i, this.halfOf(name))
    }
  }

  private halfOf(name: string): string {
    const known = this.half.get(name)
    if (known) return known
    const { graph } = this.model
    const half = graph.freshName(`${name}_f16`)
    this.half.set(name, half)
    const tensor = graph.initializer(name)
    if (tensor && !graph.isInput(name)) graph.setInitializer(this.halfTensor(tensor, half))
    else this.cast(name, half, HALF)
    return half
  }

  private halfTensor(tensor: TensorProto, name: string): TensorProto {
    const values = floatValues(tensor, this.model.directory)
    const bits = new Uint16Array(values.length)
    for (let i = 0; i < values.length; i++) bits[i] = floatToHalf(values[i] as number)
    return makeTensor(name, 'float16', tensorDims(tensor), bits)
  }

  private cast(from: string, to: string, type: bigint): void {
    const { graph } = this.model
    graph.add(makeNode('Cast', [from], [to], { to: type }, { name: graph.freshName(`${to}_cast`) }))
  }
}
