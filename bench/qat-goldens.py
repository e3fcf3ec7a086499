"""Golden gradients of fake quantization: PyTorch's, for fixed scales (straight through) and learned ones (LSQ), per
tensor and per channel. The loss is Σ u·y with u given, so that ȳ = u.

python bench/qat-goldens.py main/qat/goldens.json && npx biome format --write main/qat/goldens.json
"""
import json, sys, torch

torch.manual_seed(0)
CASES = {
    "unsigned activation": dict(shape=[2, 6, 5], axis=None, zero=0, low=0, high=255, scale=0.011),
    "activation of both signs": dict(shape=[3, 20], axis=None, zero=121, low=0, high=255, scale=0.013),
    "weight per tensor": dict(shape=[6, 3, 3, 3], axis=None, zero=0, low=-127, high=127, scale=0.012),
    "weight per channel": dict(shape=[5, 4, 3], axis=0, zero=0, low=-127, high=127, scale=0.012),
    "weight per column, seven bits": dict(shape=[9, 4], axis=1, zero=0, low=-64, high=64, scale=0.024),
}


def golden(shape, axis, zero, low, high, scale):
    count = 1 if axis is None else shape[axis]
    x, u = torch.randn(shape), torch.randn(shape)
    s = (scale * (0.7 + 0.6 * torch.rand(count))).requires_grad_()
    x.requires_grad_()
    values = x.numel() // count
    factor = (values * max(high - zero, zero - low)) ** -0.5
    z = torch.full((count,), float(zero))
    if axis is None:
        y = torch._fake_quantize_learnable_per_tensor_affine(x, s, z, low, high, factor)
        fixed = torch.fake_quantize_per_tensor_affine(x, s.detach()[0].item(), zero, low, high)
    else:
        y = torch._fake_quantize_learnable_per_channel_affine(x, s, z, axis, low, high, factor)
        fixed = torch.fake_quantize_per_channel_affine(x, s.detach(), z.int(), axis, low, high)
    straight = torch.autograd.grad((fixed * u).sum(), x)[0]
    gx, gs = torch.autograd.grad((y * u).sum(), [x, s])
    flat = lambda t: [float(f"{v:.9g}") for v in t.detach().flatten().tolist()]
    return dict(shape=shape, axis=axis, zero=zero, low=low, high=high, values=values, x=flat(x), u=flat(u), scale=flat(s),
                y=flat(fixed), straight=flat(straight), learned=flat(gx), step=flat(gs))


json.dump({name: golden(**case) for name, case in CASES.items()}, open(sys.argv[1], "w"))
