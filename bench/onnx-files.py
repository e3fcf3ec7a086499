"""Compares what bench/onnx-files.mjs wrote with the reference implementation: python3 bench/onnx-files.py FOLDER COUNT"""

import json
import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

# ORT's names of element types, for the few that differ from numpy's.
NAMES = {"float": "float32", "double": "float64"}


def type_name(code):
    name = TensorProto.DataType.Name(code).lower()
    return NAMES.get(name, name)


def tensors(graph):
    """Every initializer, those of subgraphs included, in order."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from tensors(attribute.g)


def same_weights(a, b):
    pairs = list(zip(tensors(a.graph), tensors(b.graph), strict=True))
    return all(x.name == y.name and np.array_equal(numpy_helper.to_array(x), numpy_helper.to_array(y)) for x, y in pairs)


def compare_types(model, types):
    """Values on which both agree, on which they do not, and which only one of them knows."""
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    known = {v.name: v.type.tensor_type for v in [*inferred.graph.value_info, *inferred.graph.output]}
    ours = {t["name"]: t for t in types}
    counts = {"agree": 0, "differ": 0, "only ours": 0, "only theirs": 0, "neither": 0}
    for name in (o for node in model.graph.node for o in node.output if o):
        theirs = known.get(name)
        theirs = theirs if theirs is not None and theirs.HasField("shape") else None
        mine = ours.get(name)
        if theirs is None or mine is None:
            counts["neither" if theirs is mine else "only ours" if theirs is None else "only theirs"] += 1
            continue
        dims = theirs.shape.dim
        fits = type_name(theirs.elem_type) == mine["type"] and len(dims) == len(mine["shape"])
        fits = fits and all(d.dim_value == m for d, m in zip(dims, mine["shape"]) if d.HasField("dim_value") and isinstance(m, int))
        counts["agree" if fits else "differ"] += 1
    return counts


def main():
    folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    failed = 0
    for i in range(count):
        about = json.loads((folder / f"{i}.json").read_text())
        original = onnx.load(about["path"])
        for form in ("inline", "external", "simple"):
            onnx.checker.check_model(str(folder / f"{i}.{form}.onnx"))
        identical = onnx.load(folder / f"{i}.inline.onnx") == original
        weights = same_weights(original, onnx.load(folder / f"{i}.external.onnx"))
        counts = compare_types(original, about["types"])
        ok = identical and weights and counts["differ"] == 0
        failed += not ok
        print(f"{'ok  ' if ok else 'FAIL'} {about['name']}: message equal {identical}, external weights equal {weights}, types {counts}")
    print(f"{count - failed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
