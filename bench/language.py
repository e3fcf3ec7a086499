"""Perplexity of a language model on texts, by Hugging Face tokenizers, ONNX Runtime for Python and PyTorch's
cross-entropy: the peer of `bantam evaluate` in bench/language.mjs.

    python3 bench/language.py MODEL.onnx TEXTS.jsonl tokenizer.json [--length 128]

Every text is cut into windows as docs/LANGUAGE.md says; each is run alone, without padding, caches empty. Prints JSON:
{"perplexity", "nextToken", "tokens", "windows"}.
"""
import argparse, json

import numpy as np
import onnxruntime as ort
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

parser = argparse.ArgumentParser()
parser.add_argument("model")
parser.add_argument("texts")
parser.add_argument("tokenizer")
parser.add_argument("--length", type=int, default=128)
args = parser.parse_args()

tokenizer = Tokenizer.from_file(args.tokenizer)
options = ort.SessionOptions()
options.intra_op_num_threads = 1
session = ort.InferenceSession(args.model, options, providers=["CPUExecutionProvider"])
inputs = {i.name: i for i in session.get_inputs()}

loss, right, tokens, windows = 0.0, 0, 0, 0
for line in open(args.texts, encoding="utf-8"):
    ids = tokenizer.encode(json.loads(line)["text"]).ids
    for start in range(0, len(ids) - 1, args.length - 1):
        window = ids[start : start + args.length]
        feeds = {"input_ids": np.array([window], np.int64)}
        if "attention_mask" in inputs:
            feeds["attention_mask"] = np.ones((1, len(window)), np.int64)
        if "position_ids" in inputs:
            feeds["position_ids"] = np.arange(len(window), dtype=np.int64)[None]
        for name, value in inputs.items():
            if name.startswith("past"):
                feeds[name] = np.zeros((1, value.shape[1], 0, value.shape[3]), np.float32)
        logits = torch.from_numpy(session.run(["logits"], feeds)[0][0, :-1]).double()
        target = torch.tensor(window[1:])
        loss += F.cross_entropy(logits, target, reduction="sum").item()
        right += (logits.argmax(1) == target).sum().item()
        tokens += len(target)
        windows += 1
print(json.dumps({"perplexity": float(np.exp(loss / tokens)), "nextToken": right / tokens, "tokens": tokens, "windows": windows}))
