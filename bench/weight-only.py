"""Perplexity of language models whose weights are stored in few bits, and such models made by the tools of Python.

    python3 bench/weight-only.py peers FOLDER OUT --group 32     # onnxruntime.quantization: RTN, HQQ, GPTQ; AWQ of
                                                                 # onnx-neural-compressor where it is installed
    python3 bench/weight-only.py measure FOLDER MODEL...         # JSON, against FOLDER/gpt.onnx window by window

FOLDER is what bench/language-model.py wrote. Calibration: 128 of its training passages, drawn with seed 0. Perplexity:
held-out text in windows of 128 tokens; the interval is that of the mean difference of the loss per window, as a ratio
of perplexities (normal, 95 %). Called by bench/weight-only.mjs.
"""
import argparse, json, math, os, random, sys, warnings

import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

CONTEXT = 128


def texts(folder, name):
    with open(os.path.join(folder, f"{name}.jsonl"), encoding="utf-8") as file:
        return [json.loads(line)["text"] for line in file]


def tokens(folder, name):
    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    return [np.array(tokenizer.encode(text).ids, np.int64) for text in texts(folder, name)]


def feeds(ids):
    rows = ids.reshape(1, -1) if ids.ndim == 1 else ids
    return {"input_ids": rows, "attention_mask": np.ones_like(rows)}


def losses(path, windows):
    """Mean negative log-likelihood of every window."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    out = []
    for at in range(0, len(windows), 16):
        rows = windows[at : at + 16]
        logits = session.run(None, feeds(rows))[0][:, :-1].astype(np.float64)
        top = logits.max(-1, keepdims=True)
        normalizer = np.log(np.exp(logits - top).sum(-1)) + top[..., 0]
        chosen = np.take_along_axis(logits, rows[:, 1:, None], -1)[..., 0]
        out.extend((normalizer - chosen).mean(1))
    return np.array(out)


def measure(options):
    stream = np.concatenate(tokens(options.folder, "valid"))
    windows = stream[: len(stream) // CONTEXT * CONTEXT].reshape(-1, CONTEXT)
    base = losses(os.path.join(options.folder, "gpt.onnx"), windows)
    rows = {"float": {"perplexity": math.exp(base.mean()), "windows": len(windows)}}
    for path in options.models:
        difference = losses(path, windows) - base
        half = 1.96 * difference.std(ddof=1) / math.sqrt(len(windows))
        rows[os.path.basename(path)] = {
            "perplexity": math.exp((base + difference).mean()),
            "ratio": [math.exp(difference.mean() + s * half) for s in (0, -1, 1)],
            "bytes": os.path.getsize(path),
        }
    print(json.dumps(rows))


class Reader:
    """The samples, one at a time, as both tools ask for them."""

    def __init__(self, folder):
        self.samples = [feeds(ids) for ids in random.Random(0).sample(tokens(folder, "train"), 128)]
        self.rewind()

    def get_next(self):
        return next(self.iterator, None)

    def rewind(self):
        self.iterator = iter(self.samples)

    def __iter__(self):
        return iter(self.samples)


def peers(options):
    import onnx
    from onnxruntime.quantization import matmul_nbits_quantizer as tool

    folder, group = options.folder, options.group
    source = os.path.join(folder, "gpt.onnx")
    configs = {
        "rtn": tool.DefaultWeightOnlyQuantConfig(block_size=group, is_symmetric=False, bits=4),
        "hqq": tool.HQQWeightOnlyQuantConfig(block_size=group, bits=4),
    }
    for name, config in configs.items():
        if name in options.skip:
            continue
        quantizer = tool.MatMulNBitsQuantizer(onnx.load(source), group, False, algo_config=config)
        quantizer.process()
        quantizer.model.save_model_to_file(os.path.join(options.out, f"peer-{name}-{group}.onnx"), False)
    if "gptq" not in options.skip:
        # Called as its quantizer calls it, which itself passes no size of blocks on (1.32).
        from onnxruntime.quantization.neural_compressor import gptq_quantize

        samples = [(sample, None) for sample in Reader(folder).samples]
        made = gptq_quantize(onnx.load(source), samples, group_size=group, n_samples=-1)
        onnx.save(getattr(made, "model", made), os.path.join(options.out, f"peer-gptq-{group}.onnx"))
    if "awq" in options.skip:
        return
    try:
        from onnx_neural_compressor.algorithms.weight_only import awq
    except ImportError as error:
        print(f"no AWQ: {error}", file=sys.stderr)
        return
    model = onnx.load(source)
    about = {"weight_dtype": "uint", "weight_bits": 4, "weight_group_size": group, "weight_sym": False, "accuracy_level": 0}
    layers = {(node.name, node.op_type): dict(about) for node in model.graph.node if node.op_type == "MatMul"}
    made = awq.awq_quantize(model, Reader(folder), layers)
    onnx.save(getattr(made, "model", made), os.path.join(options.out, f"peer-awq-{group}.onnx"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["peers", "measure"])
    parser.add_argument("folder")
    parser.add_argument("models", nargs="*", help="models to measure, or the folder to write peers into")
    parser.add_argument("--group", type=int, default=32)
    parser.add_argument("--skip", nargs="*", default=[])
    options = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if options.what == "measure":
            return measure(options)
        (options.out,) = options.models
        peers(options)


if __name__ == "__main__":
    main()
