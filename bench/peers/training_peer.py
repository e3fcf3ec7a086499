"""The peer of bench/training.mjs: PyTorch on the CPU, batch 64, five nets.

python training_peer.py export NET FOLDER    writes FOLDER/NET.onnx with the weights of seed 0, batch normalization kept
python training_peer.py serve NET THREADS    reads `steps K` or `memory`: milliseconds of each step, or the peak in bytes
python training_peer.py curve NET FOLDER [double]   100 losses of SGD (rate in RATE) over FOLDER/NET.x and .y, in turn
"""
import json, os, sys, time

import torch
import torch.nn as nn
import torch.nn.functional as F

BATCH = 64


class Basic(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.c2, self.b2 = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        same = stride == 1 and i == o
        self.sc = nn.Identity() if same else nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        return F.relu(self.b2(self.c2(F.relu(self.b1(self.c1(x))))) + self.sc(x))


def resnet20(c=3):
    layers, i = [nn.Conv2d(c, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()], 16
    for o, stride in ((16, 1), (32, 2), (64, 2)):
        for k in range(3):
            layers.append(Basic(i, o, stride if k == 0 else 1))
            i = o
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def lenet():
    return nn.Sequential(nn.Conv2d(1, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU(), nn.Flatten(),
                         nn.Linear(64 * 49, 128), nn.ReLU(), nn.Linear(128, 10))


class Inverted(nn.Module):
    def __init__(self, i, o, stride, t=4):
        super().__init__()
        h = i * t
        self.res = stride == 1 and i == o
        self.f = nn.Sequential(nn.Conv2d(i, h, 1, bias=False), nn.BatchNorm2d(h), nn.ReLU6(),
                               nn.Conv2d(h, h, 3, stride, 1, groups=h, bias=False), nn.BatchNorm2d(h), nn.ReLU6(),
                               nn.Conv2d(h, o, 1, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        return x + self.f(x) if self.res else self.f(x)


def mobile():
    return nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU6(), Inverted(16, 24, 1),
                         Inverted(24, 24, 1), Inverted(24, 32, 2), Inverted(32, 32, 1), Inverted(32, 64, 2),
                         Inverted(64, 64, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def mlp():
    return nn.Sequential(nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.ReLU(), nn.Linear(1024, 10))


class Transformer(nn.Module):
    def __init__(self, d=128, h=4, n=4, v=4096, t=128):
        super().__init__()
        self.e, self.p = nn.Embedding(v, d), nn.Parameter(torch.zeros(t, d))
        self.l = nn.ModuleList(nn.TransformerEncoderLayer(d, h, 4 * d, 0.0, F.gelu, batch_first=True, norm_first=True)
                               for _ in range(n))
        self.o = nn.Linear(d, 2)

    def forward(self, x):
        y = self.e(x) + self.p
        for layer in self.l:
            y = layer(y)
        return self.o(y.mean(1))


NETS = dict(
    lenet=(lenet, lambda: torch.rand(BATCH, 1, 28, 28), 10),
    resnet20=(resnet20, lambda: torch.rand(BATCH, 3, 32, 32), 10),
    mobile=(mobile, lambda: torch.rand(BATCH, 3, 32, 32), 10),
    mlp=(mlp, lambda: torch.rand(BATCH, 784), 10),
    transformer=(Transformer, lambda: torch.randint(0, 4096, (BATCH, 128)), 2),
)


def made(name):
    torch.manual_seed(0)
    make, data, classes = NETS[name]
    return make().train(), data, classes


def export(name, folder):
    net, data, _ = made(name)
    torch.onnx.export(net, (data(),), f'{folder}/{name}.onnx', dynamo=False, opset_version=17, input_names=['x'],
                      output_names=['logits'], do_constant_folding=False, training=torch.onnx.TrainingMode.TRAINING)


def serve(name, threads):
    torch.set_num_threads(int(threads))
    net, data, classes = made(name)
    x, y = data(), torch.randint(0, classes, (BATCH,))
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    for line in sys.stdin:
        word, *rest = line.split()
        if word == 'memory':
            status = open('/proc/self/status').read()
            print(json.dumps(int(status.split('VmHWM:')[1].split()[0]) * 1024), flush=True)
            continue
        clock, spent = [], []
        for _ in range(int(rest[0])):
            start, used = time.perf_counter(), time.process_time()
            optimizer.zero_grad()
            F.cross_entropy(net(x), y).backward()
            optimizer.step()
            clock.append((time.perf_counter() - start) * 1e3)
            spent.append((time.process_time() - used) * 1e3)
        print(json.dumps(dict(clock=clock, spent=spent)), flush=True)


def curve(name, folder):
    import numpy

    torch.set_num_threads(1)
    net, data, _ = made(name)
    sample = data()
    kind = numpy.int64 if sample.dtype == torch.int64 else numpy.float32
    x = torch.from_numpy(numpy.fromfile(f'{folder}/{name}.x', kind)).view(-1, *sample.shape)
    y = torch.from_numpy(numpy.fromfile(f'{folder}/{name}.y', numpy.int64)).view(-1, BATCH)
    if len(sys.argv) > 4:
        net, x = net.double(), x.double() if kind is numpy.float32 else x
    optimizer = torch.optim.SGD(net.parameters(), float(os.environ['RATE']))
    losses = []
    for step in range(100):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x[step % len(x)]), y[step % len(y)])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(json.dumps(losses))


if __name__ == '__main__':
    dict(export=export, serve=serve, curve=curve)[sys.argv[1]](*sys.argv[2:4])
