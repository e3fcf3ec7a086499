/** The smallest model worth running: y = x + x on one float. Answers whether a device works at all. */
import { create, toBinary } from '@bufbuild/protobuf'
import { ModelProtoSchema, TensorProto_DataType, type ValueInfoProto } from 'onnx-buf'

/** Bytes of a model with input `x` and output `y`, both float32 [1]. */
export function makeTinyModel(): Uint8Array {
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [{ domain: '', version: 13n }],
      graph: {
        name: 'tiny',
        node: [{ opType: 'Add', input: ['x', 'x'], output: ['y'] }],
        input: [oneFloat('x')],
        output: [oneFloat('y')],
      },
    }),
  )
}

type ValueInit = Omit<Partial<ValueInfoProto>, '$typeName' | '$unknown'>

function oneFloat(name: string): ValueInit {
  const dimension = { value: { case: 'dimValue' as const, value: 1n } }
  return {
    name,
    type: {
      value: {
        case: 'tensorType',
        value: { elemType: TensorProto_DataType.FLOAT, shape: { dim: [dimension] } },
      },
    },
  } as ValueInit
}
