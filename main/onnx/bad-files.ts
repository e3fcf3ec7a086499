/** A corpus of bad files as data: how each is made, the exact message it must give, and why it matters. For tests. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import type { NodeProto, TensorProto } from 'onnx-buf'
import { StringStringEntryProtoSchema, TensorProto_DataLocation } from 'onnx-buf'
import type { ErrorCode } from '../../shared/errors'
import { type ModelParts, makeModel, makeNode, makeValue } from './build'
import type { Model } from './model'
import { makeTensor } from './tensor'
import { serialize } from './write'

export interface BadFile {
  name: string
  why: string
  code: ErrorCode
  message: string
  /** Writes the file (and what lies around it) into an empty folder and returns its path. */
  make(folder: string): string
}

/** y = Relu(x + w), with whatever is wrong put in. */
function model(change: Partial<ModelParts> = {}, edit: (model: Model) => void = () => {}): Uint8Array {
  const made = makeModel({
    nodes: [
      makeNode('Add', ['x', 'w'], ['s'], {}, { name: 'add' }),
      makeNode('Relu', ['s'], ['y'], {}, { name: 'relu' }),
    ],
    inputs: [makeValue('x', 'float32', ['n', 4])],
    outputs: [makeValue('y', 'float32', ['n', 4])],
    initializers: [weight()],
    ...change,
  })
  edit(made)
  return serialize(made)
}

function weight(): TensorProto {
  return makeTensor('w', 'float32', [4], [1, 2, 3, 4])
}

function bytes(name: string, content: () => Uint8Array | string) {
  return (folder: string) => {
    const path = join(folder, name)
    writeFileSync(path, content())
    return path
  }
}

function graph(change: Partial<ModelParts>, edit?: (model: Model) => void) {
  return bytes('model.onnx', () => model(change, edit))
}

function tensor(edit: (w: TensorProto) => void) {
  return bytes('model.onnx', () => {
    const w = weight()
    return model({ initializers: [w] }, () => edit(w))
  })
}

/** The weight as external data; `around` makes what lies in the folder. */
function external(entries: Record<string, string>, around: (folder: string) => void = () => {}) {
  return (folder: string) => {
    const inner = join(folder, 'model')
    mkdirSync(inner)
    around(inner)
    const path = join(inner, 'model.onnx')
    const w = weight()
    w.rawData = new Uint8Array(0)
    w.dataLocation = TensorProto_DataLocation.EXTERNAL
    w.externalData = Object.entries(entries).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value }),
    )
    const made = makeModel({
      nodes: [makeNode('Add', ['x', 'w'], ['y'])],
      inputs: [makeValue('x', 'float32', [4])],
      outputs: [makeValue('y', 'float32', [4])],
      initializers: [w],
    })
    writeFileSync(path, serialize(made))
    return path
  }
}

function write(name: string, length: number) {
  return (folder: string) => writeFileSync(join(folder, name), new Uint8Array(length))
}

function node(op: string, inputs: string[], outputs: string[], domain = ''): NodeProto {
  return makeNode(op, inputs, outputs, {}, { name: op.toLowerCase(), domain })
}

/** A message that claims to nest `depth` graphs: node → attribute → graph → node → … */
function nested(depth: number): Uint8Array {
  let inner: Uint8Array = new Uint8Array(0)
  const wrap = (field: number, content: Uint8Array) =>
    new BinaryWriter().tag(field, WireType.LengthDelimited).bytes(content).finish()
  for (let i = 0; i < depth; i++) inner = wrap(1, wrap(5, wrap(6, inner)))
  return new BinaryWriter().tag(1, WireType.Varint).int32(8).raw(wrap(7, inner)).finish()
}

const DAMAGED = 'The file is not an ONNX model, or it is damaged:'
const OUTSIDE = 'The model refers to data outside its folder:'

export const BAD_FILES: readonly BadFile[] = [
  // ---- files that are no ONNX at all
  {
    name: 'an empty file',
    why: 'An interrupted download or a full disk leaves one.',
    code: 'bad-file',
    message: 'The file is empty.',
    make: bytes('model.onnx', () => ''),
  },
  {
    name: 'a picture',
    why: 'The wrong file was dropped.',
    code: 'bad-file',
    message: 'The file is not an ONNX model but a PNG picture.',
    make: bytes('model.onnx', () => Buffer.from('\x89PNG\r\n\x1a\n0000IHDR', 'latin1')),
  },
  {
    name: 'a Git LFS pointer',
    why: 'A repository was cloned without its large files: the commonest broken model of all.',
    code: 'bad-file',
    message: 'The file is not an ONNX model but a Git LFS pointer: the model itself was not downloaded.',
    make: bytes('model.onnx', () => 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n'),
  },
  {
    name: 'a PyTorch checkpoint',
    why: 'People try to open .pt files.',
    code: 'bad-file',
    message: 'The file is not an ONNX model but a zip archive (a PyTorch checkpoint?).',
    make: bytes('model.pt', () => Buffer.from('PK\x03\x04\0\0\0\0archive/data.pkl', 'latin1')),
  },
  {
    name: 'a web page',
    why: 'A download link answered with a login page.',
    code: 'bad-file',
    message: 'The file is not an ONNX model but a web page.',
    make: bytes('model.onnx', () => '<!DOCTYPE html><html></html>'),
  },
  {
    name: 'an ORT format file',
    why: 'It runs in ONNX Runtime, but its graph cannot be changed.',
    code: 'unsupported',
    message: 'The file is in ORT format, which can be run but not changed.',
    make: bytes('model.ort', () => Buffer.from('\x18\0\0\0ORTM\0\0\0\0\0\0\0\0', 'latin1')),
  },
  {
    name: 'text',
    why: 'It starts with a byte that protobuf could take for a field.',
    code: 'bad-file',
    message: `${DAMAGED} a field of 108 bytes runs past its end (byte 1).`,
    make: bytes('model.onnx', () => 'Zlayers: 3\n'),
  },
  {
    name: 'a truncated model',
    why: 'A copy that was cut off parses up to the cut in lenient readers.',
    code: 'bad-file',
    message: `${DAMAGED} a field of 123 bytes runs past its end (byte 11).`,
    make: bytes('model.onnx', () => model().subarray(0, 100)),
  },
  {
    name: 'a message that is no model',
    why: 'An empty or foreign protobuf message is a valid message with unknown fields.',
    code: 'bad-file',
    message: 'The file is not an ONNX model: it has no graph.',
    make: bytes('model.onnx', () => new Uint8Array([0x08, 0x08])),
  },
  // ---- hostile bytes
  {
    name: 'an absurd length',
    why: 'A length of 2 GB in a file of a few bytes must not be allocated.',
    code: 'bad-file',
    message: `${DAMAGED} a field of 2147483647 bytes runs past its end (byte 1).`,
    make: bytes('model.onnx', () => new Uint8Array([0x3a, 0xff, 0xff, 0xff, 0xff, 0x07, 0x00])),
  },
  {
    name: 'a number without an end',
    why: 'A varint has at most ten bytes.',
    code: 'bad-file',
    message: `${DAMAGED} it has a number of more than 64 bits (byte 1).`,
    make: bytes('model.onnx', () => new Uint8Array([0x08, ...new Array(11).fill(0xff), 0x01])),
  },
  {
    name: 'bottomless nesting',
    why: 'Recursion over subgraphs would overflow the stack.',
    code: 'bad-file',
    message: `${DAMAGED} it nests too deeply (byte 366).`,
    make: bytes('model.onnx', () => nested(3000)),
  },
  {
    name: 'a field of another type',
    why: 'A lenient reader takes the bytes for something else and goes on.',
    code: 'bad-file',
    message: `${DAMAGED} ModelProto.ir_version has the wrong wire type (byte 0).`,
    make: bytes('model.onnx', () => new Uint8Array([0x0a, 0x01, 0x00])),
  },
  // ---- external data
  {
    name: 'missing external data',
    why: 'The .data file was not copied along.',
    code: 'bad-model',
    message: 'The data file weights.bin of the model is missing.',
    make: external({ location: 'weights.bin' }),
  },
  {
    name: 'external data that is too short',
    why: 'The .data file was cut off; ORT would read past it.',
    code: 'bad-model',
    message: 'The data file weights.bin is too short: tensor w needs bytes 8 to 24, the file has 20.',
    make: external({ location: 'weights.bin', offset: '8', length: '16' }, write('weights.bin', 20)),
  },
  {
    name: 'external data of another length',
    why: 'The entry contradicts the shape.',
    code: 'bad-model',
    message: 'Tensor w has 12 bytes of external data, but its shape and type need 16.',
    make: external({ location: 'weights.bin', length: '12' }, write('weights.bin', 64)),
  },
  {
    name: 'external data above the folder',
    why: 'A model from the net must not read files of the person who opens it.',
    code: 'bad-model',
    message: `${OUTSIDE} ../weights.bin.`,
    make: external({ location: '../weights.bin' }, folder => write('../weights.bin', 16)(folder)),
  },
  {
    name: 'external data above the folder, Windows style',
    why: 'The same with the other separator.',
    code: 'bad-model',
    message: `${OUTSIDE} sub\\..\\..\\weights.bin.`,
    make: external({ location: 'sub\\..\\..\\weights.bin' }),
  },
  {
    name: 'external data by absolute path',
    why: 'The same by another way.',
    code: 'bad-model',
    message: `${OUTSIDE} /etc/hostname.`,
    make: external({ location: '/etc/hostname' }),
  },
  {
    name: 'external data on a Windows drive',
    why: 'The same on Windows.',
    code: 'bad-model',
    message: `${OUTSIDE} C:\\secret.bin.`,
    make: external({ location: 'C:\\secret.bin' }),
  },
  {
    name: 'external data through a link',
    why: 'An unpacked archive may hold a link that leads out.',
    code: 'bad-model',
    message: "The data file weights.bin is a link that leads outside the model's folder.",
    make: external({ location: 'weights.bin' }, folder => {
      write('../real.bin', 16)(folder)
      symlinkSync('../real.bin', join(folder, 'weights.bin'))
    }),
  },
  {
    name: 'external data through a linked folder',
    why: 'The same one level up.',
    code: 'bad-model',
    message: "The data file sub/weights.bin is a link that leads outside the model's folder.",
    make: external({ location: 'sub/weights.bin' }, folder => {
      mkdirSync(join(folder, '../elsewhere'))
      write('../elsewhere/weights.bin', 16)(folder)
      symlinkSync('../elsewhere', join(folder, 'sub'))
    }),
  },
  {
    name: 'external data that is a folder',
    why: 'Opening it would fail with words nobody understands.',
    code: 'bad-model',
    message: 'The data file weights.bin of the model is no file.',
    make: external({ location: 'weights.bin' }, folder => mkdirSync(join(folder, 'weights.bin'))),
  },
  {
    name: 'external data that is a pipe',
    why: 'Reading it would wait for ever.',
    code: 'bad-model',
    message: 'The data file weights.bin of the model is no file.',
    make: external({ location: 'weights.bin' }, folder => {
      execFileSync('mkfifo', [join(folder, 'weights.bin')])
    }),
  },
  {
    name: 'external data without a place',
    why: 'The entry is incomplete.',
    code: 'bad-model',
    message: 'Tensor w does not say which file holds its data.',
    make: external({ offset: '0' }),
  },
  {
    name: 'external data at a negative offset',
    why: 'Offsets are numbers in text: anything may stand there.',
    code: 'bad-model',
    message: 'Tensor w has offset "-8" in its external data.',
    make: external({ location: 'weights.bin', offset: '-8' }, write('weights.bin', 64)),
  },
  // ---- tensors
  {
    name: 'a tensor with too few bytes',
    why: 'ORT would refuse it late, others read past its end.',
    code: 'bad-model',
    message: 'Tensor w has 12 bytes of data, but [4] of float32 needs 16.',
    make: tensor(w => {
      w.rawData = w.rawData.slice(0, 12)
    }),
  },
  {
    name: 'a tensor of negative size',
    why: 'Dimensions are signed in the format.',
    code: 'bad-model',
    message: 'Tensor w has impossible dimensions [-4].',
    make: tensor(w => {
      w.dims = [-4n]
    }),
  },
  {
    name: 'a tensor of astronomic size',
    why: 'Its size must not be computed with rounding.',
    code: 'bad-model',
    message: 'Tensor w has impossible dimensions [4294967296, 4294967296].',
    make: tensor(w => {
      w.dims = [4294967296n, 4294967296n]
    }),
  },
  {
    name: 'a tensor without a type',
    why: 'UNDEFINED is a value of the format.',
    code: 'bad-model',
    message: 'Tensor w has element type undefined.',
    make: tensor(w => {
      w.dataType = 0
    }),
  },
  // ---- graphs
  {
    name: 'a graph without outputs',
    why: 'There is nothing to compute.',
    code: 'bad-model',
    message: 'The graph has no outputs.',
    make: graph({ outputs: [] }),
  },
  {
    name: 'a cycle',
    why: 'No order to compute it in exists.',
    code: 'bad-model',
    message: 'The graph has a cycle.',
    make: graph({ nodes: [node('Add', ['x', 'y'], ['s']), node('Relu', ['s'], ['y'])] }),
  },
  {
    name: 'a value made twice',
    why: 'Which one is meant is not defined.',
    code: 'bad-model',
    message: 'Two nodes produce y.',
    make: graph({}, made => {
      made.graph.proto.node.push(node('Neg', ['x'], ['y']))
    }),
  },
  {
    name: 'an input that a node makes too',
    why: 'The same, between an input and a node.',
    code: 'bad-model',
    message: 'The name x is used twice: an input and a node output.',
    make: graph({}, made => {
      made.graph.proto.node.push(node('Neg', ['y'], ['x']))
    }),
  },
  {
    name: 'two initializers of one name',
    why: 'The same, between weights.',
    code: 'bad-model',
    message: 'The name w is used twice: an initializer and an initializer.',
    make: graph({ initializers: [weight(), weight()] }),
  },
  {
    name: 'a value nothing makes',
    why: 'A graph that was cut wrongly.',
    code: 'bad-model',
    message: 'A node reads missing, which nothing produces.',
    make: graph({ nodes: [node('Add', ['x', 'missing'], ['y'])] }),
  },
  {
    name: 'an output nothing makes',
    why: 'The same at the end.',
    code: 'bad-model',
    message: 'Nothing produces the output y.',
    make: graph({ nodes: [node('Add', ['x', 'w'], ['z'])] }),
  },
  {
    name: 'an input without a name',
    why: 'It could not be fed.',
    code: 'bad-model',
    message: 'An input has no name.',
    make: graph({ inputs: [makeValue('x', 'float32', [4]), makeValue('', 'float32', [4])] }),
  },
  {
    name: 'a node without an operator',
    why: 'It cannot be run.',
    code: 'bad-model',
    message: 'A node has no operator.',
    make: graph({ nodes: [node('', ['x'], ['y'])] }),
  },
  {
    name: 'a node without outputs',
    why: 'ORT fails on it with an assertion.',
    code: 'bad-model',
    message: 'A node has no outputs.',
    make: graph({ nodes: [node('Relu', ['x'], ['y']), node('Relu', ['x'], [])] }),
  },
  {
    name: 'no operator set',
    why: 'What the operators mean is not defined.',
    code: 'bad-model',
    message: 'The model does not say which operator set it uses (opset_import).',
    make: graph({}, made => {
      made.proto.opsetImport = []
    }),
  },
  {
    name: 'an operator set that is not imported',
    why: 'The version of a custom domain must be given too.',
    code: 'bad-model',
    message: 'The model does not say which version of the operator set my.domain it uses.',
    make: graph({ nodes: [node('Mine', ['x'], ['y'], 'my.domain')] }),
  },
]
