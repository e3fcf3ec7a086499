"""Trains the network of samples/digits-teacher.onnx with PyTorch, to compare with Bantam (scripts/train-teachers.mjs).

    python3 bench/train-digits.py --out FILE [--epochs N]

Data: samples/digits.npz. The index lists of the splits come from Bantam's own splitting code (scripts/make-samples.mjs
--split FILE). Weights are fitted on the train split alone (6,000 digits); nothing is chosen by looking at the
calibration or the test split, which is read once, at the end, to report the accuracy.

Network: 3x3 convolutions of 32 and 64 channels, each with batch normalisation (folded into the convolution in the
exported file), ReLU and 2x2 max pooling, then dense layers of 128 and 10: 421,642 parameters.
Needs torch, numpy, onnx and onnxruntime.
"""
import argparse, json, os, subprocess, tempfile, time, warnings

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from torch import nn

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def network():
    def block(i, o):
        return [nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2)]

    return nn.Sequential(
        *block(1, 32), *block(32, 64), nn.Flatten(), nn.Linear(64 * 49, 128), nn.ReLU(), nn.Dropout(0.4), nn.Linear(128, 10)
    )


def load():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "split.json")
        subprocess.run(["node", os.path.join(ROOT, "scripts/make-samples.mjs"), "--split", path], check=True)
        with open(path) as file:
            split = {name: np.array(rows) for name, rows in json.load(file).items()}
    data = np.load(os.path.join(ROOT, "samples/digits.npz"))
    # The sample's preprocessing: x * (1/255) in double precision, rounded once to single precision.
    pixels = (data["input"] * (1 / 255)).astype(np.float32)
    return torch.from_numpy(pixels), torch.from_numpy(data["labels"]), split


def augment(x, generator):
    """Random rotation of up to 12 degrees, scale 0.9 to 1.1, shift of up to 2 pixels."""
    n = len(x)
    u = lambda: torch.rand(n, generator=generator) * 2 - 1
    angle, scale = u() * 12 * torch.pi / 180, 1 + u() * 0.1
    c, s = torch.cos(angle) * scale, torch.sin(angle) * scale
    shift = u() * 2 / 14, u() * 2 / 14
    theta = torch.stack([torch.stack([c, -s, shift[0]], 1), torch.stack([s, c, shift[1]], 1)], 1)
    return F.grid_sample(x, F.affine_grid(theta, x.shape, align_corners=False), align_corners=False)


def train(model, x, y, epochs, batch=64):
    generator = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
    steps = epochs * (len(x) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for epoch in range(epochs):
        model.train()
        start, total = time.time(), 0.0
        order = torch.randperm(len(x), generator=generator)
        for at in range(0, len(order) - batch + 1, batch):
            rows = order[at : at + batch]
            loss = F.cross_entropy(model(augment(x[rows], generator)), y[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: loss {total / (len(order) // batch):.4f}, {time.time() - start:.1f} s", flush=True)


def export(model, path):
    model.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model, (torch.zeros(1, 1, 28, 28),), path, dynamo=False, opset_version=17, do_constant_folding=True,
            input_names=["input"], output_names=["logits"],
            dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}},
        )
    proto = onnx.load(path)
    proto.ir_version = 8
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--epochs", type=int, default=24)
    options = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(2)
    x, y, split = load()
    model = network()
    train(model, x[split["train"]], y[split["train"]], options.epochs)
    export(model, options.out)

    session = onnxruntime.InferenceSession(options.out, providers=["CPUExecutionProvider"])
    weights = [int(np.prod(tensor.dims)) for tensor in onnx.load(options.out).graph.initializer]
    report = {"parameters": sum(weights), "bytes": os.path.getsize(options.out)}
    for name, rows in split.items():
        logits = session.run(None, {"input": x[rows].numpy()})[0]
        report[name] = round(float((logits.argmax(1) == y[rows].numpy()).mean()), 5)
        with torch.no_grad():
            report["max difference to PyTorch"] = float(np.abs(model(x[rows]).numpy() - logits).max())
    print(json.dumps(report))


if __name__ == "__main__":
    main()
