"""Exports tiny PyTorch networks with both ONNX exporters into main/onnx/fixtures.

Needs torch, onnx and onnxscript; run from the repository root: python3 bench/export-fixtures.py
The weights are random (seed 0): the fixtures show how exporters write graphs, not what networks know.
"""

import pathlib
import warnings

import onnx
import torch
from torch import nn

OUT = pathlib.Path(__file__).resolve().parent.parent / "main" / "onnx" / "fixtures"


class Convolutions(nn.Module):
    """Conv + BatchNorm + ReLU twice, a depthwise one, a transposed one, then a linear layer."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.depthwise = nn.Sequential(nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8), nn.BatchNorm2d(8), nn.Hardswish())
        self.up = nn.Sequential(nn.ConvTranspose2d(8, 6, 2, stride=2), nn.BatchNorm2d(6), nn.ReLU6())
        self.head = nn.Linear(6, 10)

    def forward(self, x):
        y = self.up(self.depthwise(self.stem(x)))
        return self.head(y.mean(dim=(2, 3)))


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(12, 16), nn.BatchNorm1d(16), nn.GELU(), nn.Dropout(0.1), nn.Linear(16, 16), nn.Sigmoid(), nn.Linear(16, 3)
        )

    def forward(self, x):
        return self.body(x)


class Transformer(nn.Module):
    """Token embedding, two pre-norm blocks with explicit attention, tied output weights."""

    def __init__(self, vocabulary=40, width=16, heads=2):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(2)])
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids, mask):
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x, mask)
        return self.head(self.norm(x))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.ffn = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x, mask):
        batch, length, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-1, -2) / (width // self.heads) ** 0.5
        scores = scores + (1.0 - mask[:, None, None, :]) * -1e4
        x = x + self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, length, width))
        return x + self.ffn(self.norm2(x))


def export(name, net, args, inputs, axes, shapes):
    """Writes NAME.torchscript.onnx and NAME.dynamo.onnx."""
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    net.eval()
    common = {"input_names": inputs, "output_names": ["y"]}
    torch.onnx.export(net, args, OUT / f"{name}.torchscript.onnx", dynamo=False, opset_version=17, dynamic_axes=axes,
                      do_constant_folding=False, **common)
    torch.onnx.export(net, args, OUT / f"{name}.dynamo.onnx", dynamo=True, dynamic_shapes=shapes, external_data=False,
                      verbose=False, **common)
    for exporter in ("torchscript", "dynamo"):
        without_traces(OUT / f"{name}.{exporter}.onnx")


def without_traces(path):
    """Removes the stack traces exporters leave on nodes: they name files of the machine they ran on."""
    model = onnx.load(path)
    for node in model.graph.node:
        node.doc_string = ""
        kept = [p for p in node.metadata_props if "stack_trace" not in p.key]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    onnx.save(model, path)


def main():
    warnings.filterwarnings("ignore")
    torch.manual_seed(0)
    OUT.mkdir(parents=True, exist_ok=True)
    batch, length = torch.export.Dim("batch"), torch.export.Dim("length", min=2, max=64)
    export("convolutions", Convolutions(), (torch.randn(2, 3, 8, 8),), ["x"], {"x": {0: "batch"}}, ({0: batch},))
    export("perceptron", Perceptron(), (torch.randn(2, 12),), ["x"], {"x": {0: "batch"}}, ({0: batch},))
    ids, mask = torch.randint(0, 40, (2, 5)), torch.ones(2, 5)
    export("transformer", Transformer(), (ids, mask), ["ids", "mask"],
           {"ids": {0: "batch", 1: "length"}, "mask": {0: "batch", 1: "length"}},
           ({0: batch, 1: length}, {0: batch, 1: length}))
    for file in sorted(OUT.glob("*.onnx")):
        print(file.name, file.stat().st_size)


if __name__ == "__main__":
    main()
