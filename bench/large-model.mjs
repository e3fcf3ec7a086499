/**
 * Makes a feed-forward model of about 1.5 GB with external data, to try what large models cost:
 *   node bench/large-model.mjs FOLDER/large.onnx [GIGABYTES]
 * Every block is y = Gelu(x·U + u)·D + d with U [2048, 8192] and D [8192, 2048]: 128 MB. Weights are pseudo-random
 * (seed fixed), roughly normal with deviation 0.02, and differ from block to block. Memory stays below 100 MB.
 */
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { basename } from 'node:path'
import { create, toBinary } from '@bufbuild/protobuf'
import { ModelProtoSchema, TensorProto_DataLocation } from 'onnx-buf'

const WIDTH = 2048
const HIDDEN = 8192
const TABLE = 1 << 20

const path = process.argv[2]
const gigabytes = Number(process.argv[3] ?? 1.5)
if (!path || !(gigabytes > 0)) {
  process.stderr.write('usage: node bench/large-model.mjs FILE.onnx [GIGABYTES]\n')
  process.exit(2)
}

const table = normalTable()
const dataName = `${basename(path)}.data`
const data = openSync(`${path}.data`, 'w')
let end = 0
const initializer = []
const node = []
const blocks = Math.max(1, Math.round((gigabytes * 1e9) / (2 * WIDTH * HIDDEN * 4)))

let value = 'x'
for (let b = 0; b < blocks; b++) {
  value = linear(`block${b}/up`, value, WIDTH, HIDDEN)
  value = gelu(`block${b}`, value)
  value = linear(`block${b}/down`, value, HIDDEN, WIDTH)
}
closeSync(data)

const model = create(ModelProtoSchema, {
  irVersion: 8n,
  producerName: 'bantam-bench',
  opsetImport: [{ domain: '', version: 17n }],
  graph: {
    name: 'large',
    node,
    initializer,
    input: [matrix('x')],
    output: [matrix(value)],
  },
})
writeFileSync(path, toBinary(ModelProtoSchema, model))

function linear(name, input, rows, columns) {
  external(`${name}/weight`, [rows, columns])
  external(`${name}/bias`, [columns])
  node.push({
    opType: 'MatMul',
    name: `${name}/matmul`,
    input: [input, `${name}/weight`],
    output: [`${name}/product`],
  })
  node.push({
    opType: 'Add',
    name: `${name}/add`,
    input: [`${name}/product`, `${name}/bias`],
    output: [`${name}/sum`],
  })
  return `${name}/sum`
}

/** x · sigmoid(1.702 x), the cheap form of Gelu. */
function gelu(name, input) {
  initializer.push({
    name: `${name}/c`,
    dataType: 1,
    dims: [],
    rawData: new Uint8Array(Float32Array.of(1.702).buffer),
  })
  node.push({ opType: 'Mul', name: `${name}/scale`, input: [input, `${name}/c`], output: [`${name}/scaled`] })
  node.push({
    opType: 'Sigmoid',
    name: `${name}/sigmoid`,
    input: [`${name}/scaled`],
    output: [`${name}/gate`],
  })
  node.push({
    opType: 'Mul',
    name: `${name}/gelu`,
    input: [input, `${name}/gate`],
    output: [`${name}/hidden`],
  })
  return `${name}/hidden`
}

function external(name, dims) {
  const count = dims.reduce((product, d) => product * d, 1)
  for (let done = 0, turn = end; done < count; turn += 7919) {
    const from = turn % TABLE
    const part = table.subarray(from, Math.min(TABLE, from + count - done))
    writeSync(data, new Uint8Array(part.buffer, part.byteOffset, part.byteLength))
    done += part.length
  }
  const entries = { location: dataName, offset: String(end), length: String(count * 4) }
  initializer.push({
    name,
    dataType: 1,
    dims: dims.map(BigInt),
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries(entries).map(([key, text]) => ({ key, value: text })),
  })
  end += count * 4
}

/** Sums of four uniform numbers, from a multiplicative congruential generator. */
function normalTable() {
  let state = 1
  const uniform = () => {
    state = (state * 48271) % 2147483647
    return state / 2147483647 - 0.5
  }
  return Float32Array.from({ length: TABLE }, () => 0.035 * (uniform() + uniform() + uniform() + uniform()))
}

function matrix(name) {
  const dim = [
    { value: { case: 'dimParam', value: 'batch' } },
    { value: { case: 'dimValue', value: BigInt(WIDTH) } },
  ]
  return { name, type: { value: { case: 'tensorType', value: { elemType: 1, shape: { dim } } } } }
}
