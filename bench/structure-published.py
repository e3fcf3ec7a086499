"""Exports published architectures, weights random, with both ONNX exporters, to see what of them can be pruned.

Needs torch, torchvision, timm, transformers, onnx and onnxscript: python3 bench/structure-published.py OUT [NAME ...]
Then: node bench/prune-structures.mjs OUT --alone 12
"""

import importlib.util
import pathlib
import sys
import warnings

import torch
from torch import nn

here = pathlib.Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location("structure_models", here / "structure-models.py")
models = importlib.util.module_from_spec(spec)
spec.loader.exec_module(models)


def image(size, batch=2):
    return (torch.randn(batch, 3, size, size),), ["x"], [{0: "batch"}]


def tokens(length=16, masked=True):
    ids = torch.randint(0, 400, (2, length))
    mask = torch.ones(2, length, dtype=torch.int64)
    names = ["ids", "mask"][: 1 + masked]
    return (ids, mask)[: 1 + masked], names, [{0: "batch", 1: "length"}] * (1 + masked)


def vision(name, **given):
    import torchvision

    def make():
        net = torchvision.models.get_model(name, weights=None, **given)
        if hasattr(net, "aux_logits"):
            net.aux_logits = False
        return net

    return make


def timm_net(name, **given):
    import timm

    return lambda: timm.create_model(name, pretrained=False, **given)


class Tensor(nn.Module):
    """A network of transformers that takes tensors and gives one."""

    def __init__(self, net, masked=True):
        super().__init__()
        self.net, self.masked = net, masked

    def forward(self, ids, mask=None):
        out = self.net(input_ids=ids, attention_mask=mask, use_cache=False) if self.causal else self.net(input_ids=ids, attention_mask=mask)
        return out[0] if not hasattr(out, "logits") else out.logits

    @property
    def causal(self):
        return "Causal" in type(self.net).__name__ or "LMHead" in type(self.net).__name__


def hugging(kind, config, **given):
    def make():
        import transformers

        settings = getattr(transformers, config)(**given)
        settings._attn_implementation = given.get("attn_implementation", "eager")
        return Tensor(getattr(transformers, kind)(settings))

    return make


BERT = {"hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 512, "vocab_size": 512}
LLAMA = {**BERT, "num_key_value_heads": 2}
TEXT = tokens()

MODELS = {
    "resnet18": (vision("resnet18"), image(64)),
    "resnet50": (vision("resnet50"), image(64)),
    "resnext50": (vision("resnext50_32x4d"), image(64)),
    "mobilenetv2": (vision("mobilenet_v2"), image(64)),
    "mobilenetv3": (vision("mobilenet_v3_small"), image(64)),
    "mnasnet": (vision("mnasnet0_5"), image(64)),
    "efficientnet_b0": (vision("efficientnet_b0"), image(64)),
    "efficientnet_b0.timm": (timm_net("efficientnet_b0"), image(64)),
    "regnety": (vision("regnet_y_400mf"), image(64)),
    "densenet121": (vision("densenet121"), image(64)),
    "inceptionv3": (vision("inception_v3", init_weights=False), image(96)),
    "googlenet": (vision("googlenet", init_weights=False), image(64)),
    "shufflenetv2": (vision("shufflenet_v2_x0_5"), image(64)),
    "squeezenet": (vision("squeezenet1_1"), image(64)),
    "convnext_atto.timm": (timm_net("convnext_atto"), image(64)),
    "convnext_tiny": (vision("convnext_tiny"), image(64)),
    "vit_tiny.timm": (timm_net("vit_tiny_patch16_224", img_size=64, depth=4), image(64)),
    "vit": (lambda: __import__("torchvision").models.VisionTransformer(64, 16, 4, 4, 128, 512), image(64)),
    "swin_tiny": (vision("swin_t"), image(64)),
    "mixer.timm": (timm_net("mixer_s32_224"), image(224)),
    "mobilenetv4.timm": (timm_net("mobilenetv4_conv_small"), image(64)),
    "ghostnet.timm": (timm_net("ghostnet_050"), image(64)),
    "deeplab": (lambda: Out(vision("lraspp_mobilenet_v3_large", weights_backbone=None)()), image(64)),
    "fcn": (lambda: Out(vision("fcn_resnet50", weights_backbone=None)()), image(64)),
    "bert": (hugging("BertForSequenceClassification", "BertConfig", **BERT), TEXT),
    "bert.sdpa": (hugging("BertForSequenceClassification", "BertConfig", attn_implementation="sdpa", **BERT), TEXT),
    "distilbert": (hugging("DistilBertModel", "DistilBertConfig", dim=128, n_layers=3, n_heads=4, hidden_dim=512, vocab_size=512), TEXT),
    "albert": (hugging("AlbertModel", "AlbertConfig", embedding_size=64, **BERT), TEXT),
    "deberta": (hugging("DebertaV2Model", "DebertaV2Config", relative_attention=True, pos_att_type=["c2p", "p2c"], **BERT), TEXT),
    "gpt2": (hugging("GPT2LMHeadModel", "GPT2Config", n_embd=128, n_layer=4, n_head=4, vocab_size=512), TEXT),
    "gptneox": (hugging("GPTNeoXForCausalLM", "GPTNeoXConfig", **BERT), TEXT),
    "llama": (hugging("LlamaForCausalLM", "LlamaConfig", **LLAMA), TEXT),
    "llama.sdpa": (hugging("LlamaForCausalLM", "LlamaConfig", attn_implementation="sdpa", **LLAMA), TEXT),
    "qwen2": (hugging("Qwen2ForCausalLM", "Qwen2Config", **LLAMA), TEXT),
    "qwen3": (hugging("Qwen3ForCausalLM", "Qwen3Config", head_dim=32, **LLAMA), TEXT),
    "gemma": (hugging("GemmaForCausalLM", "GemmaConfig", head_dim=32, **{**LLAMA, "num_key_value_heads": 1}), TEXT),
    "phi3": (hugging("Phi3ForCausalLM", "Phi3Config", pad_token_id=0, **LLAMA), TEXT),
    "t5": (hugging("T5EncoderModel", "T5Config", d_model=128, d_kv=32, d_ff=512, num_layers=3, num_heads=4, vocab_size=512), TEXT),
}


class Out(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)["out"]


def main():
    warnings.filterwarnings("ignore")
    words = [a for a in sys.argv[1:] if not a.startswith("--")]
    out = pathlib.Path(words[0])
    out.mkdir(parents=True, exist_ok=True)
    exporters = [a[2:] for a in sys.argv[1:] if a.startswith("--")] or ["torchscript", "dynamo"]
    for name, (make, given) in MODELS.items():
        if words[1:] and name not in words[1:]:
            continue
        torch.manual_seed(0)
        try:
            models.export(out, name, make(), *given, exporters)
        except Exception as error:
            print(name, "not made:", type(error).__name__, str(error).splitlines()[:1])


if __name__ == "__main__":
    main()
