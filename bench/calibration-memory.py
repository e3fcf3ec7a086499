"""Writes a transformer of about 300 million parameters with external data, and token numbers to calibrate it with: what
does calibration need of memory? Weights are random; needs numpy and onnx.

  python3 bench/calibration-memory.py FOLDER [SAMPLES] [TOKENS] [BLOCKS] [WIDTH]
  /usr/bin/time -v node out/main/cli.js quantize FOLDER/large.onnx --method static-int8 --samples 512 \\
    --data FOLDER/tokens.npz --split all --out FOLDER/int8.onnx

FOLDER/large.onnx: 24 blocks of width 1024 with heads of 64, normalization first. "Maximum resident set size" is the
answer. Blocks and width change the size, for times against depth.
"""
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

folder = pathlib.Path(sys.argv[1])
samples = int(sys.argv[2]) if len(sys.argv) > 2 else 512
tokens = int(sys.argv[3]) if len(sys.argv) > 3 else 128
BLOCKS = int(sys.argv[4]) if len(sys.argv) > 4 else 24
WIDTH = int(sys.argv[5]) if len(sys.argv) > 5 else 1024
HIDDEN, HEADS, VOCABULARY = 4 * WIDTH, WIDTH // 64, 4096
folder.mkdir(parents=True, exist_ok=True)
rng = np.random.default_rng(0)
nodes, tensors = [], []
data = open(folder / "large.onnx.data", "wb")
count = 0


def weight(name, values):
    global count
    count += values.size
    offset = data.tell()
    data.write(values.astype(np.float32).tobytes())
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=values.shape, data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "large.onnx.data"), ("offset", offset), ("length", data.tell() - offset)):
        tensor.external_data.add(key=key, value=str(value))
    tensors.append(tensor)
    return name


def constant(name, values):
    tensors.append(onnx.numpy_helper.from_array(np.asarray(values), name))
    return name


def node(op, inputs, name, **attributes):
    nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
    return name


def dense(name, x, rows, columns):
    w = weight(name + ".weight", rng.standard_normal((rows, columns), dtype=np.float32) / np.float32(rows**0.5))
    b = constant(name + ".bias", rng.standard_normal(columns, dtype=np.float32) * np.float32(0.1))
    return node("Add", [node("MatMul", [x, w], name + ".product"), b], name)


def norm(name, x):
    scale = constant(name + ".scale", 1 + 0.1 * rng.standard_normal(WIDTH, dtype=np.float32))
    bias = constant(name + ".shift", 0.1 * rng.standard_normal(WIDTH, dtype=np.float32))
    return node("LayerNormalization", [x, scale, bias], name, axis=-1)


constant("heads", np.array([0, 0, HEADS, WIDTH // HEADS], np.int64))
constant("joined", np.array([0, 0, WIDTH], np.int64))
constant("root", np.array((WIDTH // HEADS) ** -0.5, np.float32))
table = weight("table", rng.standard_normal((VOCABULARY, WIDTH), dtype=np.float32))
x = node("Gather", [table, "tokens"], "embedded", axis=0)
for i in range(BLOCKS):
    at = f"block{i}."
    y = norm(at + "norm1", x)
    q, k, v = (node("Reshape", [dense(at + part, y, WIDTH, WIDTH), "heads"], at + part + ".heads") for part in "qkv")
    q, v = (node("Transpose", [part], part + ".moved", perm=[0, 2, 1, 3]) for part in (q, v))
    k = node("Transpose", [k], k + ".moved", perm=[0, 2, 3, 1])
    scores = node("Softmax", [node("Mul", [node("MatMul", [q, k], at + "dots"), "root"], at + "scores")], at + "shares", axis=-1)
    mixed = node("Transpose", [node("MatMul", [scores, v], at + "mixed")], at + "back", perm=[0, 2, 1, 3])
    x = node("Add", [x, dense(at + "out", node("Reshape", [mixed, "joined"], at + "all"), WIDTH, WIDTH)], at + "sum1")
    y = node("Gelu", [dense(at + "wide", norm(at + "norm2", x), WIDTH, HIDDEN)], at + "gelu")
    x = node("Add", [x, dense(at + "narrow", y, HIDDEN, WIDTH)], at + "sum2")
pooled = node("ReduceMean", [norm("final", x), constant("axes", np.array([1], np.int64))], "pooled", keepdims=0)
dense("logits", pooled, WIDTH, 10)
data.close()
graph = helper.make_graph(nodes, "large", [helper.make_tensor_value_info("tokens", TensorProto.INT64, ["batch", tokens])],
                          [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])], tensors)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), folder / "large.onnx")
np.savez(folder / "tokens.npz", tokens=rng.integers(0, VOCABULARY, (samples, tokens)))
print(f"{count / 1e6:.0f} million parameters, {samples} samples of {tokens} tokens")
