"""Exports small PyTorch networks of many architectures with both ONNX exporters, weights random.

Needs torch, onnx and onnxscript: python3 bench/structure-models.py OUT [NAME ...]
`--fixtures` writes the tiny ones that tests use into main/structure/fixtures.
"""

import pathlib
import sys
import warnings

import onnx
import torch
import torch.nn.functional as F
from torch import nn


def conv_bn(i, o, k=3, s=1, g=1, act=nn.ReLU):
    layers = [nn.Conv2d(i, o, k, s, k // 2, groups=g, bias=False), nn.BatchNorm2d(o)]
    return nn.Sequential(*layers, act()) if act else nn.Sequential(*layers)


class LeNet(nn.Module):
    def __init__(self, w=1):
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(1, 6 * w, 5, padding=2), nn.Conv2d(6 * w, 10 * w, 5)
        self.f1, self.f2 = nn.Linear(10 * w * 25, 24 * w), nn.Linear(24 * w, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        return self.f2(F.relu(self.f1(torch.flatten(x, 1))))


class VGG(nn.Module):
    def __init__(self, w=8):
        super().__init__()
        layers, c = [], 3
        for o in (w, "m", 2 * w, 2 * w, 2 * w, "m"):
            layers += [nn.MaxPool2d(2)] if o == "m" else [conv_bn(c, o)]
            c = c if o == "m" else o
        self.body, self.head = nn.Sequential(*layers), nn.Linear(2 * w * 16, 10)

    def forward(self, x):
        x = self.body(x)
        return self.head(x.view(x.size(0), -1))


class Basic(nn.Module):
    def __init__(self, i, o, s=1, g=1):
        super().__init__()
        self.a, self.b = conv_bn(i, o, s=s), conv_bn(o, o, g=g, act=None)
        self.skip = conv_bn(i, o, 1, s, act=None) if i != o or s != 1 else nn.Identity()

    def forward(self, x):
        return F.relu(self.b(self.a(x)) + self.skip(x))


class ResNet(nn.Module):
    def __init__(self, w=8, n=3, g=1):
        super().__init__()
        self.stem = conv_bn(3, w)
        self.body = nn.Sequential(*[Basic(w * max(1, 2 ** (st - (b == 0))) if st else w, w * 2**st, 2 if st and b == 0 else 1, g)
                                    for st in range(3) for b in range(n)])
        self.head = nn.Linear(4 * w, 10)

    def forward(self, x):
        return self.head(self.body(self.stem(x)).mean((2, 3)))


class SE(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.a, self.b = nn.Conv2d(c, max(2, c // 4), 1), nn.Conv2d(max(2, c // 4), c, 1)

    def forward(self, x):
        return x * F.hardsigmoid(self.b(F.relu(self.a(F.adaptive_avg_pool2d(x, 1)))))


class Inverted(nn.Module):
    def __init__(self, i, o, s=1, e=3, se=False, act=nn.ReLU6):
        super().__init__()
        h = i * e
        self.body = nn.Sequential(conv_bn(i, h, 1, act=act), conv_bn(h, h, 3, s, g=h, act=act),
                                  *([SE(h)] if se else []), conv_bn(h, o, 1, act=None))
        self.add = i == o and s == 1

    def forward(self, x):
        return x + self.body(x) if self.add else self.body(x)


class MobileNet(nn.Module):
    def __init__(self, w=8, se=False, act=nn.ReLU6):
        super().__init__()
        self.body = nn.Sequential(conv_bn(3, w, act=act), Inverted(w, w, se=se, act=act), Inverted(w, 2 * w, 2, se=se, act=act),
                                  Inverted(2 * w, 2 * w, se=se, act=act), Inverted(2 * w, 2 * w, se=se, act=act),
                                  Inverted(2 * w, 4 * w, 2, se=se, act=act), conv_bn(4 * w, 8 * w, 1, act=act))
        self.head = nn.Linear(8 * w, 10)

    def forward(self, x):
        return self.head(F.adaptive_avg_pool2d(self.body(x), 1).flatten(1))


class DenseNet(nn.Module):
    def __init__(self, w=8, n=3):
        super().__init__()
        self.stem = nn.Conv2d(3, 2 * w, 3, padding=1)
        self.blocks = nn.ModuleList()
        c = 2 * w
        for _ in range(2):
            self.blocks.append(nn.ModuleList([nn.Sequential(nn.BatchNorm2d(c + k * w), nn.ReLU(), nn.Conv2d(c + k * w, w, 3, padding=1, bias=False)) for k in range(n)]))
            c += n * w
            self.blocks.append(nn.Sequential(nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, c // 2, 1), nn.AvgPool2d(2)))
            c //= 2
        self.head = nn.Linear(c, 10)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            if isinstance(block, nn.Sequential):
                x = block(x)
            else:
                for layer in block:
                    x = torch.cat([x, layer(x)], 1)
        return self.head(F.relu(x).mean((2, 3)))


class Inception(nn.Module):
    def __init__(self, w=4):
        super().__init__()
        self.stem = conv_bn(3, 2 * w)
        c = 2 * w
        self.mods = nn.ModuleList()
        for _ in range(2):
            self.mods.append(nn.ModuleList([conv_bn(c, w, 1), nn.Sequential(conv_bn(c, w, 1), conv_bn(w, 2 * w)),
                                            nn.Sequential(conv_bn(c, w, 1), conv_bn(w, w, 5)), nn.Sequential(nn.AvgPool2d(3, 1, 1), conv_bn(c, w, 1))]))
            c = 5 * w
        self.head = nn.Linear(c, 10)

    def forward(self, x):
        x = self.stem(x)
        for m in self.mods:
            x = torch.cat([b(x) for b in m], 1)
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class UNet(nn.Module):
    def __init__(self, w=4):
        super().__init__()
        self.d1, self.d2, self.mid = conv_bn(3, w), conv_bn(w, 2 * w), conv_bn(2 * w, 4 * w)
        self.u2, self.c2 = nn.ConvTranspose2d(4 * w, 2 * w, 2, 2), conv_bn(4 * w, 2 * w)
        self.c1, self.out = conv_bn(3 * w, w), nn.Conv2d(w, 2, 1)

    def forward(self, x):
        a = self.d1(x)
        b = self.d2(F.max_pool2d(a, 2))
        m = self.mid(F.max_pool2d(b, 2))
        b = self.c2(torch.cat([self.u2(m), b], 1))
        up = F.interpolate(b, size=a.shape[2:], mode="bilinear", align_corners=False)
        return self.out(self.c1(torch.cat([up, a], 1)))


class Next(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.dw, self.norm = nn.Conv2d(c, c, 7, padding=3, groups=c), nn.LayerNorm(c)
        self.a, self.b, self.scale = nn.Linear(c, 4 * c), nn.Linear(4 * c, c), nn.Parameter(torch.rand(c))

    def forward(self, x):
        y = self.norm(self.dw(x).permute(0, 2, 3, 1))
        return x + (self.scale * self.b(F.gelu(self.a(y)))).permute(0, 3, 1, 2)


class ChannelsFirstNorm(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    def __init__(self, w=8):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, w, 4, 4), ChannelsFirstNorm(w), Next(w), Next(w), ChannelsFirstNorm(w), nn.Conv2d(w, 2 * w, 2, 2), Next(2 * w), Next(2 * w))
        self.norm, self.head = nn.LayerNorm(2 * w), nn.Linear(2 * w, 10)

    def forward(self, x):
        return self.head(self.norm(self.body(x).mean((2, 3))))


class SelfAttention(nn.Module):
    """One projection for all three, as timm writes it."""

    def __init__(self, c, h):
        super().__init__()
        self.h, self.qkv, self.proj = h, nn.Linear(c, 3 * c), nn.Linear(c, c)

    def forward(self, x, causal=False):
        b, n, c = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.h, c // self.h).permute(2, 0, 3, 1, 4).unbind(0)
        return self.proj(F.scaled_dot_product_attention(q, k, v, is_causal=causal).transpose(1, 2).reshape(b, n, c))


class Block(nn.Module):
    def __init__(self, c, h, causal=False):
        super().__init__()
        self.n1, self.n2, self.at, self.causal = nn.LayerNorm(c), nn.LayerNorm(c), SelfAttention(c, h), causal
        self.ffn = nn.Sequential(nn.Linear(c, 4 * c), nn.GELU(), nn.Linear(4 * c, c))

    def forward(self, x):
        x = x + self.at(self.n1(x), self.causal)
        return x + self.ffn(self.n2(x))


class ViT(nn.Module):
    def __init__(self, c=16, h=4, n=4, size=16):
        super().__init__()
        self.patch = nn.Conv2d(3, c, 4, 4)
        self.cls, self.pos = nn.Parameter(torch.randn(1, 1, c)), nn.Parameter(torch.randn(1, (size // 4) ** 2 + 1, c))
        self.blocks, self.norm, self.head = nn.Sequential(*[Block(c, h) for _ in range(n)]), nn.LayerNorm(c), nn.Linear(c, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], 1) + self.pos
        return self.head(self.norm(self.blocks(x))[:, 0])


class HFAttention(nn.Module):
    def __init__(self, c, h):
        super().__init__()
        self.h, self.q, self.k, self.v, self.o = h, *[nn.Linear(c, c) for _ in range(4)]

    def heads(self, x):
        return x.view(*x.shape[:-1], self.h, -1).permute(0, 2, 1, 3)

    def forward(self, x, bias):
        q, k, v = self.heads(self.q(x)), self.heads(self.k(x)), self.heads(self.v(x))
        scores = torch.matmul(q, k.transpose(-1, -2)) / q.size(-1) ** 0.5 + bias
        y = torch.matmul(scores.softmax(-1), v).permute(0, 2, 1, 3).contiguous()
        return self.o(y.view(*y.size()[:-2], -1))


class HFLayer(nn.Module):
    def __init__(self, c, h):
        super().__init__()
        self.at, self.n1, self.n2 = HFAttention(c, h), nn.LayerNorm(c), nn.LayerNorm(c)
        self.i, self.o = nn.Linear(c, 4 * c), nn.Linear(4 * c, c)

    def forward(self, x, bias):
        x = self.n1(x + self.at(x, bias))
        return self.n2(x + self.o(F.gelu(self.i(x))))


class Bert(nn.Module):
    def __init__(self, c=16, h=4, n=4, vocab=50, length=64):
        super().__init__()
        self.tok, self.pos, self.norm = nn.Embedding(vocab, c), nn.Embedding(length, c), nn.LayerNorm(c)
        self.layers, self.pool, self.head = nn.ModuleList([HFLayer(c, h) for _ in range(n)]), nn.Linear(c, c), nn.Linear(c, 2)

    def forward(self, ids, mask):
        x = self.norm(self.tok(ids) + self.pos(torch.arange(ids.shape[1], device=ids.device))[None])
        bias = (1.0 - mask[:, None, None, :].to(x.dtype)) * -1e4
        for layer in self.layers:
            x = layer(x, bias)
        return self.head(torch.tanh(self.pool(x[:, 0])))


class TorchEncoder(nn.Module):
    """nn.TransformerEncoder, batch first, with a padding mask."""

    def __init__(self, c=16, h=4, n=3, vocab=50):
        super().__init__()
        self.tok = nn.Embedding(vocab, c)
        layer = nn.TransformerEncoderLayer(c, h, 4 * c, 0.1, batch_first=True)
        self.enc, self.head = nn.TransformerEncoder(layer, n, enable_nested_tensor=False), nn.Linear(c, 2)
        for p in self.enc.parameters():  # its layers are copies of one
            nn.init.normal_(p, std=0.3)

    def forward(self, ids, mask):
        x = self.enc(self.tok(ids), src_key_padding_mask=mask < 0.5)
        return self.head(x.mean(1))


class GPT(nn.Module):
    """Fused q, k, v cut by split, causal mask, output weights tied to the embedding."""

    def __init__(self, c=16, h=4, n=3, vocab=50, length=64):
        super().__init__()
        self.tok, self.pos, self.norm = nn.Embedding(vocab, c), nn.Embedding(length, c), nn.LayerNorm(c)
        self.h, self.blocks = h, nn.ModuleList([nn.ModuleList([nn.LayerNorm(c), nn.Linear(c, 3 * c), nn.Linear(c, c), nn.LayerNorm(c), nn.Linear(c, 4 * c), nn.Linear(4 * c, c)]) for _ in range(n)])
        self.head = nn.Linear(c, vocab, bias=False)
        self.head.weight = self.tok.weight
        self.register_buffer("mask", torch.tril(torch.ones(length, length, dtype=torch.bool))[None, None])

    def forward(self, ids):
        b, n = ids.shape
        x = self.tok(ids) + self.pos(torch.arange(n, device=ids.device))
        for n1, qkv, o, n2, i, f in self.blocks:
            c = x.shape[-1]
            q, k, v = [t.view(b, n, self.h, c // self.h).transpose(1, 2) for t in qkv(n1(x)).split(c, dim=2)]
            s = (q @ k.transpose(-2, -1)) * (1.0 / (k.size(-1) ** 0.5))
            s = s.masked_fill(~self.mask[:, :, :n, :n], float("-inf")).softmax(-1)
            x = x + o((s @ v).transpose(1, 2).contiguous().view(b, n, c))
            x = x + f(F.gelu(i(n2(x)), approximate="tanh"))
        return self.head(self.norm(x))


class RMS(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.weight = nn.Parameter(torch.rand(c) + 0.5)

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


class Llama(nn.Module):
    """RMSNorm, rotary positions, grouped-query attention, SwiGLU."""

    def __init__(self, c=16, h=4, kv=2, n=2, vocab=50):
        super().__init__()
        self.h, self.kv, self.d, self.tok = h, kv, c // h, nn.Embedding(vocab, c)
        self.blocks = nn.ModuleList([nn.ModuleList([RMS(c), nn.Linear(c, c, False), nn.Linear(c, kv * self.d, False), nn.Linear(c, kv * self.d, False), nn.Linear(c, c, False),
                                                    RMS(c), nn.Linear(c, 3 * c, False), nn.Linear(c, 3 * c, False), nn.Linear(3 * c, c, False)]) for _ in range(n)])
        self.norm, self.head = RMS(c), nn.Linear(c, vocab, bias=False)
        self.register_buffer("freq", 1.0 / 10000 ** (torch.arange(0, self.d, 2).float() / self.d))

    def forward(self, ids):
        b, n = ids.shape
        x = self.tok(ids)
        angle = torch.arange(n, device=ids.device).float()[:, None] * self.freq[None]
        cos, sin = torch.cat([angle, angle], -1).cos(), torch.cat([angle, angle], -1).sin()

        def rotate(t):
            return t * cos + torch.cat([-t[..., self.d // 2:], t[..., : self.d // 2]], -1) * sin

        for n1, q, k, v, o, n2, g, u, d in self.blocks:
            y = n1(x)
            qs = rotate(q(y).view(b, n, self.h, self.d).transpose(1, 2))
            ks = rotate(k(y).view(b, n, self.kv, self.d).transpose(1, 2))
            vs = v(y).view(b, n, self.kv, self.d).transpose(1, 2)
            r = self.h // self.kv
            ks, vs = [t[:, :, None].expand(b, self.kv, r, n, self.d).reshape(b, self.h, n, self.d) for t in (ks, vs)]
            s = (qs @ ks.transpose(-2, -1) / self.d**0.5).softmax(-1)
            x = x + o((s @ vs).transpose(1, 2).reshape(b, n, -1))
            y = n2(x)
            x = x + d(F.silu(g(y)) * u(y))
        return self.head(self.norm(x))


class Shared(nn.Module):
    """Grouped-query attention as Llama writes it (repeated keys and values) or left to torch; residual stream with LayerNorm."""

    def __init__(self, c=16, h=4, kv=2, n=2, vocab=50, repeat=True):
        super().__init__()
        self.h, self.kv, self.d, self.repeat, self.tok = h, kv, c // h, repeat, nn.Embedding(vocab, c)
        self.blocks = nn.ModuleList([nn.ModuleList([nn.LayerNorm(c), nn.Linear(c, c), nn.Linear(c, kv * self.d), nn.Linear(c, kv * self.d), nn.Linear(c, c)]) for _ in range(n)])
        self.head = nn.Linear(c, vocab)

    def forward(self, ids):
        x = self.tok(ids)
        b, n, _ = x.shape
        for norm, q, k, v, o in self.blocks:
            y = norm(x)
            heads = [w(y).view(b, n, -1, self.d).transpose(1, 2) for w in (q, k, v)]
            if self.repeat:
                r = self.h // self.kv
                heads[1:] = [t[:, :, None].expand(b, self.kv, r, n, self.d).reshape(b, self.h, n, self.d) for t in heads[1:]]
            z = F.scaled_dot_product_attention(*heads, is_causal=True, enable_gqa=not self.repeat)
            x = x + o(z.transpose(1, 2).reshape(b, n, self.h * self.d))
        return self.head(x)


class Upscale(nn.Module):
    """ESPCN-like: PixelShuffle makes an image of channels, once inside and once at the end."""

    def __init__(self, w=4):
        super().__init__()
        self.a, self.b, self.c, self.d = conv_bn(3, 2 * w), conv_bn(2 * w, 4 * w), conv_bn(w, 2 * w), nn.Conv2d(2 * w, 12, 3, padding=1)

    def forward(self, x):
        x = F.pixel_shuffle(self.b(self.a(x)), 2)
        return F.pixel_shuffle(self.d(F.pixel_unshuffle(self.c(x), 1)), 2)


class MLP(nn.Module):
    def __init__(self, w=16):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(12, w), nn.BatchNorm1d(w), nn.ReLU(), nn.Linear(w, w), nn.ReLU(), nn.Linear(w, w), nn.ReLU(), nn.Linear(w, w), nn.ReLU(), nn.Linear(w, 3))

    def forward(self, x):
        return self.body(x)


class Mixer(nn.Module):
    def __init__(self, c=16, t=16, n=3):
        super().__init__()
        self.patch = nn.Conv2d(3, c, 4, 4)
        self.blocks = nn.ModuleList([nn.ModuleList([nn.LayerNorm(c), nn.Linear(t, 2 * t), nn.Linear(2 * t, t), nn.LayerNorm(c), nn.Linear(c, 2 * c), nn.Linear(2 * c, c)]) for _ in range(n)])
        self.head = nn.Linear(c, 10)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        for n1, a, b, n2, c, d in self.blocks:
            x = x + b(F.gelu(a(n1(x).transpose(1, 2)))).transpose(1, 2)
            x = x + d(F.gelu(c(n2(x))))
        return self.head(x.mean(1))


class LSTM(nn.Module):
    def __init__(self, c=12):
        super().__init__()
        self.rnn, self.head = nn.LSTM(8, c, 2, batch_first=True, bidirectional=True), nn.Linear(2 * c, 3)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


class GRU(nn.Module):
    def __init__(self, c=12):
        super().__init__()
        self.proj, self.rnn, self.head = nn.Linear(8, 10), nn.GRU(10, c, batch_first=True), nn.Linear(c, 3)

    def forward(self, x):
        return self.head(self.rnn(self.proj(x))[0].mean(1))


class Shuffle(nn.Module):
    """ShuffleNetV2-like: split in halves, one passes by, channels shuffled; and a GroupNorm."""

    def __init__(self, w=8, n=2):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 2 * w, 3, padding=1), nn.GroupNorm(4, 2 * w), nn.SiLU())
        self.branches = nn.ModuleList([nn.Sequential(conv_bn(w, w, 1), conv_bn(w, w, 3, g=w, act=None), conv_bn(w, w, 1)) for _ in range(n)])
        self.last, self.head = conv_bn(2 * w, 2 * w, 3, g=2), nn.Linear(2 * w, 10)

    def forward(self, x):
        x = self.stem(x)
        for branch in self.branches:
            a, b = x.chunk(2, 1)
            x = torch.cat([a, branch(b)], 1)
            n, c, h, w = x.shape
            x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        return self.head(self.last(x).mean((2, 3)))


IMAGE = lambda size, c=3: ((torch.randn(2, c, size, size),), ["x"], [{0: "batch"}])
TEXT = lambda masked: ((torch.randint(0, 50, (2, 6)),) + ((torch.ones(2, 6),) if masked else ()), ["ids", "mask"][: 1 + masked],
                       [{0: "batch", 1: "length"}] * (1 + masked))
SERIES = ((torch.randn(2, 5, 8),), ["x"], [{0: "batch", 1: "length"}])

MODELS = {
    "lenet": (LeNet, IMAGE(28, 1)),
    "vgg": (VGG, IMAGE(16)),
    "resnet": (ResNet, IMAGE(16)),
    "resnext": (lambda: ResNet(g=4), IMAGE(16)),
    "mobilenetv2": (MobileNet, IMAGE(16)),
    "mobilenetv3": (lambda: MobileNet(se=True, act=nn.Hardswish), IMAGE(16)),
    "efficientnet": (lambda: MobileNet(se=True, act=nn.SiLU), IMAGE(16)),
    "densenet": (DenseNet, IMAGE(16)),
    "inception": (Inception, IMAGE(16)),
    "unet": (UNet, IMAGE(16)),
    "convnext": (ConvNeXt, IMAGE(32)),
    "vit": (ViT, IMAGE(16)),
    "bert": (Bert, TEXT(True)),
    "encoder": (TorchEncoder, TEXT(True)),
    "gpt": (GPT, TEXT(False)),
    "llama": (Llama, TEXT(False)),
    "gqa": (Shared, TEXT(False)),
    "gqa-torch": (lambda: Shared(repeat=False), TEXT(False)),
    "upscale": (Upscale, IMAGE(8)),
    "mlp": (MLP, ((torch.randn(2, 12),), ["x"], [{0: "batch"}])),
    "mixer": (Mixer, IMAGE(16)),
    "lstm": (LSTM, SERIES),
    "gru": (GRU, SERIES),
    "shuffle": (Shuffle, IMAGE(8)),
}

FIXTURES = {
    "lenet": (LeNet, IMAGE(28, 1)),
    "resnet": (lambda: ResNet(w=4, n=2), IMAGE(8)),
    "mobilenetv3": (lambda: MobileNet(w=4, se=True, act=nn.Hardswish), IMAGE(8)),
    "densenet": (lambda: DenseNet(w=4, n=2), IMAGE(8)),
    "unet": (UNet, IMAGE(8)),
    "vit": (lambda: ViT(8, 2, 3, 8), IMAGE(8)),
    "bert": (lambda: Bert(8, 2, 3), TEXT(True)),
    "gpt": (lambda: GPT(8, 2, 2), TEXT(False)),
    "lstm": (lambda: LSTM(6), SERIES),
    "shuffle": (lambda: Shuffle(4), IMAGE(8)),
    "convnext": (lambda: ConvNeXt(4), IMAGE(16)),
    "mixer": (lambda: Mixer(6, 4, 2), IMAGE(8)),
    "efficientnet": (lambda: MobileNet(4, se=True, act=nn.SiLU), IMAGE(8)),
    "inception": (lambda: Inception(2), IMAGE(8)),
    "gqa": (lambda: Shared(8, 4, 2, 2), TEXT(False)),
    "gqa-torch": (lambda: Shared(8, 4, 2, 2, repeat=False), TEXT(False)),
}


# Exporters whose file is kept, where one is enough.
ONE = {"lenet": "torchscript", "resnet": "torchscript", "densenet": "dynamo", "mobilenetv3": "dynamo", "unet": "torchscript", "convnext": "dynamo",
       "mixer": "torchscript", "efficientnet": "dynamo-bn", "inception": "torchscript", "gqa": "torchscript", "gqa-torch": "dynamo23"}


def export(out, name, net, args, inputs, axes, exporters=None):
    """Without `exporters` both, batch norm folded and (`-bn`) not, and for attention also as an operator of its own (`23`)."""
    norms = [m for m in net.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    if exporters is None:
        exporters = ["torchscript", "dynamo"] + ["torchscript-bn", "dynamo-bn"] * bool(norms) + ["dynamo23"] * attends(net)
    for module in norms:
        nn.init.uniform_(module.weight, 0.5, 1.5)
        nn.init.uniform_(module.bias, -0.5, 0.5)
        nn.init.uniform_(module.running_mean, -0.5, 0.5)
        nn.init.uniform_(module.running_var, 0.5, 1.5)
    net.eval()
    common = {"input_names": inputs, "output_names": ["y"]}
    for exporter in exporters:
        path = out / f"{name}.{exporter}.onnx"
        try:
            if exporter.startswith("torchscript"):
                mode = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False} if exporter.endswith("bn") else {}
                torch.onnx.export(net, args, path, dynamo=False, opset_version=17, dynamic_axes=dict(zip(inputs, axes)), **mode, **common)
            else:
                shapes = tuple({k: torch.export.Dim.AUTO for k in a} for a in axes)
                mode = {"optimize": not exporter.endswith("bn"), **({"opset_version": 23} if exporter.endswith("23") else {})}
                torch.onnx.export(net, args, path, dynamo=True, dynamic_shapes=shapes, external_data=False, verbose=False, **mode, **common)
        except Exception as error:  # an exporter that cannot is told, and the other goes on
            print(path.name, "not exported:", str(error).splitlines()[0])
            continue
        without_traces(path)
        print(path.name, path.stat().st_size)


def attends(net):
    return isinstance(net, (ViT, Bert, TorchEncoder, GPT, Llama, Shared))


def without_traces(path):
    """Removes the stack traces exporters leave on nodes: they name files of the machine they ran on."""
    model = onnx.load(path)
    for node in model.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    del model.graph.value_info[:]
    onnx.save(model, path)


def main():
    warnings.filterwarnings("ignore")
    fixtures = "--fixtures" in sys.argv
    here = pathlib.Path(__file__).resolve().parent.parent / "main" / "structure" / "fixtures"
    words = [a for a in sys.argv[1:] if not a.startswith("--")]
    out, wanted = (here, words) if fixtures else (pathlib.Path(words[0]), words[1:])
    out.mkdir(parents=True, exist_ok=True)
    for name, (make, given) in (FIXTURES if fixtures else MODELS).items():
        if wanted and name not in wanted:
            continue
        torch.manual_seed(0)
        one = ONE.get(name) if fixtures else None
        export(out, name, make(), *given, *([[one]] if one else [["torchscript", "dynamo"]] if fixtures else []))


if __name__ == "__main__":
    main()
