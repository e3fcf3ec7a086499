"""Golden gradients: four small nets as ONNX, and their gradients by PyTorch in float64 (the statistics of BN included).

python bench/gradients.py main/autodiff/goldens
"""
import base64, json, sys, torch, torch.nn as nn, torch.nn.functional as F


class Residual(nn.Module):
    def __init__(self, i, o, stride):
        super().__init__()
        self.a, self.p = nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o)
        self.b, self.q = nn.Conv2d(o, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o)
        self.s = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o)) if stride > 1 else nn.Identity()

    def forward(self, x):
        return F.relu(self.q(self.b(F.relu(self.p(self.a(x))))) + self.s(x))


class Transformer(nn.Module):
    def __init__(self, d=12, h=3, v=20, t=6):
        super().__init__()
        self.e, self.pos = nn.Embedding(v, d), nn.Parameter(torch.randn(t, d) * 0.1)
        self.n, self.k = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.o = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.u, self.w, self.out, self.h = nn.Linear(d, 2 * d), nn.Linear(2 * d, d), nn.Linear(d, 4), h

    def forward(self, ids):
        x = self.e(ids) + self.pos
        b, t, d = x.shape
        q, k, v = self.qkv(self.n(x)).view(b, t, 3, self.h, d // self.h).permute(2, 0, 3, 1, 4).unbind(0)
        p = (q @ k.transpose(-1, -2) / (d // self.h) ** 0.5).softmax(-1)
        x = x + self.o((p @ v).transpose(1, 2).reshape(b, t, d))
        x = x + self.w(F.gelu(self.u(self.k(x))))
        return self.out(x.mean(1))


def lenet():
    return nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 6, 3, 1, 1), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(6 * 9, 10), nn.ReLU(), nn.Linear(10, 4))


def resnet():
    return nn.Sequential(nn.Conv2d(3, 4, 3, 1, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), Residual(4, 4, 1),
                         Residual(4, 8, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))


def mlp():
    return nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 16), nn.Tanh(), nn.Linear(16, 4))


NETS = {
    'lenet': (lenet, lambda: torch.randn(5, 1, 12, 12)),
    'resnet': (resnet, lambda: torch.randn(5, 3, 8, 8)),
    'mlp': (mlp, lambda: torch.randn(5, 12)),
    'transformer': (Transformer, lambda: torch.randint(0, 20, (5, 6))),
}


def text(tensor):
    return base64.b64encode(tensor.detach().float().contiguous().numpy().tobytes()).decode()


torch.manual_seed(0)
for name, (make, data) in NETS.items():
    net, x, y = make().train(), data(), torch.randint(0, 4, (5,))
    torch.onnx.export(net, (x,), f'{sys.argv[1]}/{name}.onnx', dynamo=False, opset_version=17, input_names=['x'],
                      output_names=['logits'], do_constant_folding=False, dynamic_axes={'x': {0: 'batch'}, 'logits': {0: 'batch'}},
                      training=torch.onnx.TrainingMode.TRAINING)
    net = net.double()
    loss = F.cross_entropy(net(x if x.dtype == torch.int64 else x.double()), y, label_smoothing=0.1)
    loss.backward()
    golden = dict(x=dict(dims=list(x.shape), ids=x.flatten().tolist()) if x.dtype == torch.int64 else dict(dims=list(x.shape), data=text(x)),
                  labels=y.tolist(), loss=loss.item(), gradients={k: text(p.grad) for k, p in net.named_parameters()})
    with open(f'{sys.argv[1]}/{name}.json', 'w') as f:
        json.dump(golden, f, indent=1)
    print(name, sum(p.numel() for p in net.parameters()), loss.item())
