"""The peer of bench/quantize.mjs: onnxruntime.quantization.

    quantize_peer.py prepare samples/digits.npz SPLIT.json FOLDER     calibration.npz (200 samples) and test.npz
    quantize_peer.py static MODEL OUT calibration.npz METHOD 0|1      METHOD MinMax, Entropy or Percentile; per channel
    quantize_peer.py dynamic MODEL OUT
"""
import json
import logging
import os
import sys
import tempfile

import numpy as np

logging.disable(logging.WARNING)


def prepare(digits, split, folder):
    data = np.load(digits)
    rows = json.load(open(split))
    for name, picked in (("calibration", rows["calibration"][:200]), ("test", rows["test"])):
        images = data["input"][picked].astype(np.float32) / np.float32(255)
        np.savez(os.path.join(folder, f"{name}.npz"), input=images, labels=data["labels"][picked])


def preprocessed(model, folder):
    from onnxruntime.quantization.shape_inference import quant_pre_process

    path = os.path.join(folder, "pre.onnx")
    quant_pre_process(model, path)
    return path


def static(model, out, calibration, method, per_channel):
    from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self):
            images = np.load(calibration)["input"]
            self.batches = iter([{"input": images[i : i + 20]} for i in range(0, len(images), 20)])

        def get_next(self):
            return next(self.batches, None)

    with tempfile.TemporaryDirectory() as folder:
        quantize_static(
            preprocessed(model, folder), out, Reader(), quant_format=QuantFormat.QDQ, per_channel=per_channel == "1",
            calibrate_method=getattr(CalibrationMethod, method), activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8)


def dynamic(model, out):
    from onnxruntime.quantization import quantize_dynamic

    with tempfile.TemporaryDirectory() as folder:
        quantize_dynamic(preprocessed(model, folder), out)


{"prepare": prepare, "static": static, "dynamic": dynamic}[sys.argv[1]](*sys.argv[2:])
