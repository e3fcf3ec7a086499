"""Golden gradients: small nets as ONNX, and their gradients by PyTorch in float64 (the statistics of BN included).
Those in BOTH are also exported by the newer exporter, with the same weights, to NAME.dynamo.onnx.

python bench/gradients.py main/autodiff/goldens [NAME...] && npx biome format --write main/autodiff/goldens
"""
import base64, json, onnx, sys, torch, torch.nn as nn, torch.nn.functional as F


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


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.r, self.o = nn.Embedding(20, 5), nn.LSTM(5, 6, 2, bidirectional=True, batch_first=True), nn.Linear(12, 4)

    def forward(self, ids):
        y, (h, _) = self.r(self.e(ids))
        return self.o(y.mean(1) + torch.cat([h[-1], h[-2]], 1))


class Gru(nn.Module):
    def __init__(self):
        super().__init__()
        self.r, self.o = nn.GRU(5, 6), nn.Linear(6, 4)

    def forward(self, x):
        return self.o(self.r(x.transpose(0, 1))[0][-1])


class ConvNext(nn.Module):
    def __init__(self, d=6):
        super().__init__()
        self.stem, self.n0 = nn.Conv2d(3, d, 2, 2), nn.LayerNorm(d)
        self.dw, self.n1 = nn.Conv2d(d, d, 7, 1, 3, groups=d), nn.LayerNorm(d)
        self.a, self.b, self.gamma = nn.Linear(d, 3 * d), nn.Linear(3 * d, d), nn.Parameter(torch.full((d,), 0.5))
        self.n2, self.o = nn.LayerNorm(d), nn.Linear(d, 4)

    def forward(self, x):
        x = self.n0(self.stem(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        y = self.n1(self.dw(x).permute(0, 2, 3, 1))
        x = x + (self.gamma * self.b(F.gelu(self.a(y)))).permute(0, 3, 1, 2)
        return self.o(self.n2(x.mean((2, 3))))


class SqueezeExcite(nn.Module):
    def __init__(self, c, r):
        super().__init__()
        self.down, self.up = nn.Conv2d(c, r, 1), nn.Conv2d(r, c, 1)

    def forward(self, x):
        return x * F.hardsigmoid(self.up(F.relu(self.down(F.adaptive_avg_pool2d(x, 1)))))


def mobilenet():
    return nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6), nn.Hardswish(), nn.Conv2d(6, 12, 1, bias=False),
                         nn.BatchNorm2d(12), nn.Hardswish(), nn.Conv2d(12, 12, 5, 2, 2, groups=12, bias=False), nn.BatchNorm2d(12),
                         SqueezeExcite(12, 4), nn.Hardswish(), nn.Conv2d(12, 8, 1, bias=False), nn.BatchNorm2d(8),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))


class Unet(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(1, 4, 3, 1, 1), nn.Conv2d(4, 6, 3, 1, 1), nn.Conv2d(6, 8, 3, 1, 1)
        self.t, self.d = nn.ConvTranspose2d(8, 6, 2, 2), nn.Conv2d(12, 6, 3, 1, 1, padding_mode='reflect')
        self.e, self.o = nn.Conv2d(10, 4, 3, 1, 1), nn.Conv2d(4, 4, 1)

    def forward(self, x):
        a = F.silu(self.a(x))
        b = F.silu(self.b(F.avg_pool2d(a, 2)))
        c = F.leaky_relu(self.c(F.max_pool2d(b, 2)), 0.1)
        d = F.silu(self.d(torch.cat([self.t(c), b], 1)))
        up = F.interpolate(d, scale_factor=2.0, mode='bilinear', align_corners=False)
        return self.o(F.silu(self.e(torch.cat([up, a], 1)))).mean((2, 3))


class Block(nn.Module):
    def __init__(self, d, h, causal):
        super().__init__()
        self.n, self.k, self.h, self.causal = nn.LayerNorm(d), nn.LayerNorm(d), h, causal
        self.qkv, self.o, self.u, self.w = nn.Linear(d, 3 * d), nn.Linear(d, d), nn.Linear(d, 2 * d), nn.Linear(2 * d, d)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(self.n(x)).view(b, t, 3, self.h, d // self.h).permute(2, 0, 3, 1, 4).unbind(0)
        x = x + self.o(F.scaled_dot_product_attention(q, k, v, is_causal=self.causal).transpose(1, 2).reshape(b, t, d))
        return x + self.w(F.gelu(self.u(self.k(x)), approximate='tanh' if self.causal else 'none'))


class Vit(nn.Module):
    def __init__(self, d=8):
        super().__init__()
        self.p, self.c, self.pos = nn.Conv2d(3, d, 4, 4), nn.Parameter(torch.randn(1, 1, d)), nn.Parameter(torch.randn(1, 5, d))
        self.b, self.n, self.o = Block(d, 2, False), nn.LayerNorm(d), nn.Linear(d, 4)

    def forward(self, x):
        x = self.p(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.c.expand(x.shape[0], -1, -1), x], 1) + self.pos
        return self.o(self.n(self.b(x))[:, 0])


class Gpt(nn.Module):
    def __init__(self, d=8, v=12, t=6):
        super().__init__()
        self.e, self.pos, self.b, self.n = nn.Embedding(v, d), nn.Embedding(t, d), Block(d, 2, True), nn.LayerNorm(d)

    def forward(self, ids):
        x = self.e(ids) + self.pos(torch.arange(ids.shape[1]))
        return self.n(self.b(x)) @ self.e.weight.T


NETS = {
    'lenet': (lenet, lambda: torch.randn(5, 1, 12, 12)),
    'resnet': (resnet, lambda: torch.randn(5, 3, 8, 8)),
    'mlp': (mlp, lambda: torch.randn(5, 12)),
    'transformer': (Transformer, lambda: torch.randint(0, 20, (5, 6))),
    'lstm': (Lstm, lambda: torch.randint(0, 20, (5, 7))),
    'gru': (Gru, lambda: torch.randn(5, 4, 5)),
    'convnext': (ConvNext, lambda: torch.randn(5, 3, 12, 12)),
    'mobilenet': (mobilenet, lambda: torch.randn(5, 3, 16, 16)),
    'unet': (Unet, lambda: torch.randn(5, 1, 8, 8)),
    'vit': (Vit, lambda: torch.randn(5, 3, 8, 8)),
    'gpt': (Gpt, lambda: torch.randint(0, 12, (3, 6))),
}
BOTH = {'lstm', 'gru', 'convnext', 'mobilenet', 'unet', 'vit', 'gpt'}


def text(tensor):
    return base64.b64encode(tensor.detach().float().contiguous().numpy().tobytes()).decode()


def export(net, x, path, dynamo):
    common = dict(input_names=['x'], output_names=['logits'])
    if dynamo:
        # In training form the newer exporter writes no BatchNormalization.
        program = torch.onnx.export(net.eval(), (x,), dynamo=True, dynamic_shapes=({0: torch.export.Dim('batch')},), verbose=False, optimize=False, **common)
        for node in program.model_proto.graph.node:
            node.ClearField('metadata_props')
        proto = program.model_proto
        for owner in [proto, proto.graph, *proto.graph.node, *proto.graph.value_info, *proto.graph.input, *proto.graph.output]:
            for field in ('metadata_props', 'doc_string'):
                owner.ClearField(field)
        onnx.save(proto, path)
    else:
        torch.onnx.export(net.train(), (x,), path, dynamo=False, opset_version=17, do_constant_folding=False,
                          dynamic_axes={'x': {0: 'batch'}, 'logits': {0: 'batch'}}, training=torch.onnx.TrainingMode.TRAINING, **common)


for name, (make, data) in NETS.items():
    if sys.argv[2:] and name not in sys.argv[2:]:
        continue
    torch.manual_seed(sum(name.encode()))
    net, x = make(), data()
    with torch.no_grad():
        labels = torch.randint(0, 4, net.eval()(x).shape[:-1])
    for dynamo in [False, True] if name in BOTH else [False]:
        export(net, x, f"{sys.argv[1]}/{name}{'.dynamo' if dynamo else ''}.onnx", dynamo)
    net = net.train().double()
    logits = net(x if x.dtype == torch.int64 else x.double())
    loss = F.cross_entropy(logits.flatten(0, -2), labels.flatten(), label_smoothing=0.1)
    loss.backward()
    golden = dict(x=dict(dims=list(x.shape), ids=x.flatten().tolist()) if x.dtype == torch.int64 else dict(dims=list(x.shape), data=text(x)),
                  labels=labels.flatten().tolist(), loss=loss.item(), gradients={k: text(p.grad) for k, p in net.named_parameters()})
    with open(f'{sys.argv[1]}/{name}.json', 'w') as f:
        json.dump(golden, f, indent=1)
    print(name, sum(p.numel() for p in net.parameters()), loss.item())
