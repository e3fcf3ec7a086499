"""Makes a teacher that is not Bantam's: a CNN of some 300,000 parameters trained by PyTorch on 8,000 digits.

    python3 bench/torch-teacher.py --out FOLDER [--epochs N]

Writes torchscript.onnx and dynamo.onnx (one net, both exporters, batch normalization unfolded) and train.npz (8,000
digits) and test.npz (2,000), made of samples/digits.npz. Then, for each exporter:

    npx bantam distill --teacher FOLDER/dynamo.onnx --student slim:0.5 --data FOLDER/train.npz \
        --eval-data FOLDER/test.npz --epochs 10 --out FOLDER/student.onnx
"""
import argparse, os, warnings

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def block(i, o, stride=1):
    return [nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(*block(width, width), nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        return F.relu(x + self.body(x))


def network():
    return nn.Sequential(
        *block(1, 32), *block(32, 64, 2), Residual(64), *block(64, 96, 2), Residual(96), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, 10)
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--epochs", type=int, default=4)
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    torch.manual_seed(0)
    torch.set_num_threads(2)
    data = np.load(os.path.join(ROOT, "samples/digits.npz"))
    pixels, labels = (data["input"] / 255).astype(np.float32), data["labels"]
    np.savez(os.path.join(options.out, "train.npz"), input=pixels[:8000], labels=labels[:8000])
    np.savez(os.path.join(options.out, "test.npz"), input=pixels[8000:], labels=labels[8000:])
    x, y = torch.from_numpy(pixels), torch.from_numpy(labels)
    model = network()
    steps = options.epochs * (8000 // 64)
    optimizer = torch.optim.AdamW(model.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    for _ in range(options.epochs):
        order = torch.randperm(8000)
        for at in range(0, 8000 - 63, 64):
            rows = order[at : at + 64]
            optimizer.zero_grad()
            F.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        right = (model(x[8000:]).argmax(1) == y[8000:]).float().mean()
    print(f"{sum(p.numel() for p in model.parameters())} parameters, accuracy {100 * right:.2f} %")
    example = torch.zeros(2, 1, 28, 28)
    names = dict(input_names=["input"], output_names=["logits"])
    keep = dict(do_constant_folding=False, training=torch.onnx.TrainingMode.PRESERVE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = os.path.join(options.out, "torchscript.onnx")
        axes = {"input": {0: "batch"}, "logits": {0: "batch"}}
        torch.onnx.export(model, (example,), path, dynamo=False, opset_version=17, dynamic_axes=axes, **names, **keep)
        path = os.path.join(options.out, "dynamo.onnx")
        shapes = ({0: torch.export.Dim("batch")},)
        torch.onnx.export(model, (example,), path, dynamo=True, optimize=False, dynamic_shapes=shapes, external_data=False, **names)


if __name__ == "__main__":
    main()
