"""Quantizes networks with onnxruntime.quantization, as its documentation says to: pre-processing, then static QDQ.

python3 bench/peers/quantize-folder.py FOLDER OUT
Inputs are made up (floats uniform in [0, 1), integers 0 or 1). Files that it fails on are named and left out.
"""

import pathlib
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

SAMPLES = 4
SIZES = {3: 224, 2: 224, 1: 3}


class MadeUp(CalibrationDataReader):
    def __init__(self, path):
        session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
        rng = np.random.default_rng(7)
        self.feeds = [self.feed(session.get_inputs(), rng) for _ in range(SAMPLES)]
        self.next = iter(self.feeds)

    def feed(self, inputs, rng):
        feeds = {}
        for value in inputs:
            dims = [d if isinstance(d, int) else (1 if i == 0 else 16) for i, d in enumerate(value.shape)]
            whole = "int" in value.type
            data = rng.integers(0, 2, dims) if whole else rng.random(dims)
            kind = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}.get(value.type, np.float32)
            feeds[value.name] = np.asarray(data, dtype=kind)
        return feeds

    def get_next(self):
        return next(self.next, None)


folder, out = map(pathlib.Path, sys.argv[1:3])
out.mkdir(exist_ok=True)
for path in sorted(folder.glob("*.onnx")):
    with tempfile.TemporaryDirectory() as temp:
        ready = f"{temp}/ready.onnx"
        try:
            quant_pre_process(str(path), ready, skip_symbolic_shape=True)
            quantize_static(
                ready,
                str(out / path.name),
                MadeUp(ready),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
            )
            print(path.name, (out / path.name).stat().st_size)
        except Exception as error:
            print(path.name, "failed:", str(error).splitlines()[0][:150])
