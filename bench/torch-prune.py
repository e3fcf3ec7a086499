"""The peer of `bantam prune`: torch-pruning on the CNN of bench/torch-teacher.py, recovered as Bantam recovers.

    python3 bench/torch-prune.py --model FOLDER/torchscript.onnx --train FOLDER/train.npz --test FOLDER/test.npz \
        [--speed 2] [--epochs 5] [--recovery distill|labels] [--global] [--seed 0] [--threads 2]

The weights are read from the ONNX file, so that both begin with the same network. Channels go by torch-pruning's group
L2 norm (MetaPruner, GroupMagnitudeImportance), as many as leave 1/speed of the multiply-accumulates. Recovery is what
Bantam does by default: AdamW, 0.01 decay on kernels and matrices, batches of 64, half a cosine after a warm-up of 5 %,
gradients clipped at 1, rate 0.001; distill: 0.9·T²·KL(original ‖ pruned) at T = 4 plus 0.1·cross entropy. No samples are
held out and the last epoch is kept (`--validation 0` there). Prints JSON; seconds: pruning and recovery, without
loading, imports and evaluation.
Needs torch, torch-pruning 1.6.1, numpy and onnx.
"""
import argparse, copy, importlib.util, json, math, os, time

import numpy as np
import onnx
import torch
import torch.nn.functional as F
import torch_pruning as tp
from onnx import numpy_helper

HERE = os.path.dirname(os.path.abspath(__file__))


def teacher_network():
    spec = importlib.util.spec_from_file_location("torch_teacher", os.path.join(HERE, "torch-teacher.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.network()


def load_network(path):
    """The network with the weights that the exporter kept under their own names."""
    weights = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in onnx.load(path).graph.initializer}
    net = teacher_network()
    state = net.state_dict()
    missing = [name for name in state if name not in weights and not name.endswith("num_batches_tracked")]
    if missing:
        raise SystemExit(f"{path} lacks {', '.join(missing)}")
    net.load_state_dict({name: weights.get(name, value) for name, value in state.items()})
    return net


def samples(path):
    data = np.load(path)
    return torch.from_numpy(data["input"]), torch.from_numpy(data["labels"])


def prune(original, ratio, everywhere):
    net = copy.deepcopy(original).eval()
    pruner = tp.pruner.MetaPruner(
        net,
        torch.zeros(2, 1, 28, 28),
        importance=tp.importance.GroupMagnitudeImportance(p=2),
        pruning_ratio=ratio,
        global_pruning=everywhere,
        max_pruning_ratio=0.9,
        ignored_layers=[net[-1]],
    )
    pruner.step()
    return net


def macs(net):
    return tp.utils.count_ops_and_params(net, torch.zeros(1, 1, 28, 28))[0]


def prune_to(original, speed, everywhere):
    """The most channels that stay within 1/speed of the multiply-accumulates, by halving the interval of ratios."""
    goal, low, high = macs(original) / speed, 0.0, 0.9
    best = None
    for _ in range(12):
        ratio = (low + high) / 2
        net = prune(original, ratio, everywhere)
        if macs(net) <= goal:
            best, high = net, ratio
        else:
            low = ratio
    return best


def rate_at(step, steps, peak=1e-3, warmup=0.05):
    rising = round(warmup * steps)
    if step < rising:
        return peak * (step + 1) / rising
    return peak * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising))) / 2


def recover(net, original, x, y, options):
    matrices = [p for p in net.parameters() if p.ndim > 1]
    vectors = [p for p in net.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": 0.01}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, 1e-3)
    peak = 1e-3 if options.recovery == "distill" else 3e-4
    batch, temperature = 64, 4.0
    original.eval()
    with torch.no_grad():
        targets = torch.cat([original(part) for part in x.split(256)]) if options.recovery == "distill" else None
    per_epoch = len(x) // batch
    steps = per_epoch * options.epochs
    net.train()
    for step in range(steps):
        if step % per_epoch == 0:
            order = torch.randperm(len(x))
        rows = order[step % per_epoch * batch :][:batch]
        logits = net(x[rows])
        loss = F.cross_entropy(logits, y[rows])
        if targets is not None:
            student = F.log_softmax(logits / temperature, 1)
            teacher = F.log_softmax(targets[rows] / temperature, 1)
            distance = F.kl_div(student, teacher, reduction="batchmean", log_target=True)
            loss = 0.1 * loss + 0.9 * temperature**2 * distance
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, steps, peak)
        optimizer.step()
    net.eval()


def accuracy(net, x, y):
    net.eval()
    with torch.no_grad():
        right = sum((net(a).argmax(1) == b).sum().item() for a, b in zip(x.split(256), y.split(256)))
    return right / len(x)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--train", required=True)
    parser.add_argument("--test", required=True)
    parser.add_argument("--speed", type=float, default=2.0)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--recovery", choices=["distill", "labels"], default="distill")
    parser.add_argument("--global", dest="everywhere", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    original = load_network(options.model).eval()
    (x, y), test = samples(options.train), samples(options.test)
    start = time.time()
    net = prune_to(original, options.speed, options.everywhere)
    pruned = time.time()
    before = accuracy(net, *test)
    begin = time.time()
    recover(net, original, x, y, options)
    seconds = time.time() - begin + pruned - start
    report = {
        "macs": [macs(original), macs(net)],
        "parameters": [sum(p.numel() for p in n.parameters()) for n in (original, net)],
        "ratio": macs(original) / macs(net),
        "accuracy": {"original": accuracy(original, *test), "pruned": before, "recovered": accuracy(net, *test)},
        "seconds": seconds,
        "planning": pruned - start,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
