"""Writes a 1.5 GB model with external data, for the memory test: six 8192 x 8192 matrix products.
argv: OUT.onnx (OUT.onnx.data is written beside it)."""
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper

out, n, layers = sys.argv[1], 8192, 6
rng = np.random.default_rng(0)
nodes, tensors = [], []
with open(out + ".data", "wb") as file:
    for i in range(layers):
        offset = file.tell()
        for _ in range(8):
            file.write((rng.standard_normal((n // 8, n), dtype=np.float32) / np.float32(n**0.5)).tobytes())
        tensor = TensorProto(name=f"w{i}", data_type=TensorProto.FLOAT, dims=[n, n], data_location=TensorProto.EXTERNAL)
        for key, value in (("location", out.rsplit("/", 1)[-1] + ".data"), ("offset", offset), ("length", file.tell() - offset)):
            tensor.external_data.add(key=key, value=str(value))
        tensors.append(tensor)
        nodes.append(helper.make_node("MatMul", [f"x{i}", f"w{i}"], [f"x{i + 1}"], name=f"product{i}"))
value = helper.make_tensor_value_info
graph = helper.make_graph(nodes, "large", [value("x0", TensorProto.FLOAT, ["batch", n])],
                          [value(f"x{layers}", TensorProto.FLOAT, ["batch", n])], tensors)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), out)
