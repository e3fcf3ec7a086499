"""Trains a ResNet-20 (He et al., 2016; for 28x28 grey images) on the sample digits and exports it to ONNX, as a second
model for bench/quantize.mjs. argv: samples/digits.npz SPLIT.json OUT.onnx [epochs]. Trains on the train split alone;
SPLIT.json comes from `node scripts/make-samples.mjs --split SPLIT.json`."""
import json
import sys

import numpy as np
import torch
from torch import nn

torch.manual_seed(0)
torch.set_num_threads(2)
data = np.load(sys.argv[1])
rows = np.array(json.load(open(sys.argv[2]))["train"])
x = torch.from_numpy(data["input"][rows].astype(np.float32) / 255)
y = torch.from_numpy(data["labels"][rows])


class Block(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.a = nn.Sequential(nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU())
        self.b = nn.Sequential(nn.Conv2d(cout, cout, 3, 1, 1, bias=False), nn.BatchNorm2d(cout))
        same = stride == 1 and cin == cout
        self.short = nn.Identity() if same else nn.Sequential(nn.Conv2d(cin, cout, 1, stride, bias=False), nn.BatchNorm2d(cout))

    def forward(self, v):
        return torch.relu(self.b(self.a(v)) + self.short(v))


def resnet20(width=16):
    layers = [nn.Conv2d(1, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    for stage in range(3):
        for i in range(3):
            cin = width * 2 ** (stage - (stage > 0 and i == 0))
            layers.append(Block(cin, width * 2**stage, 2 if stage > 0 and i == 0 else 1))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width * 4, 10))


net = resnet20()
epochs = int(sys.argv[4]) if len(sys.argv) > 4 else 2
steps = epochs * (len(x) // 64)
opt = torch.optim.SGD(net.parameters(), 0.1, 0.9, weight_decay=5e-4, nesterov=True)
plan = torch.optim.lr_scheduler.OneCycleLR(opt, 0.1, steps)
for epoch in range(epochs):
    for batch in torch.randperm(len(x))[: len(x) // 64 * 64].view(-1, 64):
        loss = nn.functional.cross_entropy(net(x[batch]), y[batch])
        opt.zero_grad()
        loss.backward()
        opt.step()
        plan.step()
    print(epoch, loss.item(), flush=True)
net.eval()
torch.onnx.export(net, x[:1], sys.argv[3], input_names=["input"], output_names=["logits"],
                  dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}}, opset_version=17, dynamo=False)
