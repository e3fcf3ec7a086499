"""Metrics and statistics computed a second time, by scikit-learn, scipy and numpy.

  python3 bench/metrics.py golden main/measure/golden.json
      writes seeded predictions with the values expected of them; a unit test holds the product to 1e-9
  python3 bench/metrics.py check EVALUATION.json VARIANT.outputs REFERENCE.outputs
      recomputes an evaluation the product made, from the predictions it stored (see bench/metrics.mjs)

Nothing is shared with the product's code: the stored predictions are read by their documented format.
"""

import json
import math
import struct
import sys

import numpy as np
from scipy import optimize, stats
from sklearn import metrics as sk

EPS = np.finfo(np.float64).eps


# ---------------------------------------------------------------- metrics


def probabilities(values, task_classes):
    """Class probabilities of raw outputs [samples, width], by the documented rule, and what they were taken for."""
    v = values.astype(np.float64)
    if v.shape[1] == 1:
        p = v[:, 0]
        kind = "binary-probability" if ((p >= 0) & (p <= 1)).all() else "binary-logit"
        if kind == "binary-logit":
            p = 1 / (1 + np.exp(-p))
        return np.stack([1 - p, p], axis=1), kind
    inside = ((v >= -1e-3) & (v <= 1 + 1e-3)).all() and (np.abs(v.sum(axis=1) - 1) <= 0.05).all()
    if inside:
        v = np.clip(v, 0, None)
        return v / v.sum(axis=1, keepdims=True), "probabilities"
    e = np.exp(v - v.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True), "logits"


def predicted(values, kind):
    if values.shape[1] > 1:
        return values.argmax(axis=1)
    return (values[:, 0] > (0.5 if kind == "binary-probability" else 0)).astype(int)


def classification(values, labels):
    labels = np.asarray(labels, dtype=int)
    p, kind = probabilities(values, None)
    answer = predicted(values, kind)
    classes = np.arange(max(p.shape[1], labels.max() + 1))
    own = p[np.arange(len(labels)), labels]
    rank = (p > own[:, None]).sum(axis=1) + np.array([(p[i, : labels[i]] == own[i]).sum() for i in range(len(labels))])
    confidence = p[np.arange(len(labels)), answer]
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        labels, answer, labels=classes, zero_division=0
    )
    found = {
        "accuracy": sk.accuracy_score(labels, answer),
        "balancedAccuracy": float(np.mean([recall[c] for c in classes if support[c] > 0])),
        "macroF1": sk.f1_score(labels, answer, average="macro", zero_division=0),
        "logLoss": sk.log_loss(labels, np.clip(p, EPS, 1 - EPS), labels=classes)
        if (p > EPS).all()
        else float(-np.mean(np.log(np.clip(own, EPS, 1 - EPS)))),
        "ece": calibration(confidence, answer == labels),
    }
    if len(classes) > 5:
        found["top5"] = float((rank < 5).mean())
    if set(labels) == set(classes):
        assert abs(found["balancedAccuracy"] - sk.balanced_accuracy_score(labels, answer)) < 1e-12
    return {
        "kind": kind,
        "metrics": {k: float(v) for k, v in found.items()},
        "accuracyInterval": wilson(int((answer == labels).sum()), len(labels)),
        "perClass": [
            {"count": int(support[c]), "precision": float(precision[c]), "recall": float(recall[c]), "f1": float(f1[c])}
            for c in classes
        ],
        "confusion": sk.confusion_matrix(labels, answer, labels=classes).tolist(),
    }


def calibration(confidence, right, bins=15):
    edges = np.linspace(0, 1, bins + 1)
    total = 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            total += abs(right[inside].mean() - confidence[inside].mean()) * inside.mean()
    return float(total)


def regression(values, labels):
    answer = values[:, 0].astype(np.float64)
    return {
        "metrics": {
            "mae": float(sk.mean_absolute_error(labels, answer)),
            "rmse": float(np.sqrt(sk.mean_squared_error(labels, answer))),
            "r2": float(sk.r2_score(labels, answer)),
        }
    }


def agreement(reference, variant, class_like):
    r = reference.astype(np.float64)
    x = variant.astype(np.float64)
    noise = ((r - x) ** 2).sum()
    found = {
        "cosine": float((r * x).sum() / (np.linalg.norm(r) * np.linalg.norm(x))),
        "maxAbs": float(np.abs(r - x).max()),
        "sqnr": None if noise == 0 else float(10 * np.log10((r**2).sum() / noise)),
    }
    if class_like:
        p, kind = probabilities(reference, None)
        q, _ = probabilities(variant, None)
        found["kl"] = float(np.mean([stats.entropy(a, np.maximum(b, EPS)) + math.log(1 / np.maximum(b, EPS).sum()) for a, b in zip(p, q)]))
        found["top1"] = float((predicted(reference, kind) == predicted(variant, kind)).mean())
    return found


# ---------------------------------------------------------------- statistics


def wilson(k, n):
    interval = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
    return [float(interval.low), float(interval.high)]


def mcnemar(b, c):
    return 1.0 if b + c == 0 else float(stats.binomtest(min(b, c), b + c, 0.5, alternative="two-sided").pvalue)


def tango(b, c, n):
    """Tango's interval from its definition: the constrained likelihood is maximised numerically, not by his formula."""
    z = stats.norm.ppf(0.975)

    def score(d):
        # Shares p21 = q, p12 = q + d, and the rest 1 - 2q - d.
        low, high = max(0.0, -d), (1 - d) / 2

        def slope(q):
            return b / (q + d) + c / q - 2 * (n - b - c) / (1 - 2 * q - d)

        margin = 1e-15
        a, e = low + margin, high - margin
        q = a if slope(a) <= 0 else (e if slope(e) >= 0 else optimize.brentq(slope, a, e, xtol=1e-16, rtol=8.9e-16))
        return (b - c - n * d) / math.sqrt(n * (2 * q + d * (1 - d)))

    value = (b - c) / n
    low = optimize.brentq(lambda d: score(d) - z, -1 + 1e-9, value + 1e-12, xtol=1e-14)
    high = optimize.brentq(lambda d: score(d) + z, value - 1e-12, 1 - 1e-9, xtol=1e-14)
    return [float(low), float(high)]


def median_interval(values):
    s = np.sort(values)
    n = len(s)
    ranks = [r for r in range(1, n // 2 + 1) if 1 - 2 * stats.binom.cdf(r - 1, n, 0.5) >= 0.95]
    r = max(ranks) if ranks else 1
    return [float(s[r - 1]), float(s[n - r])]


# ---------------------------------------------------------------- golden values


def golden(path):
    rng = np.random.default_rng(20240607)

    def coarse(*shape, scale=1.0):
        """Multiples of 1/64: exact in float32 and short as text."""
        return (np.round(rng.normal(size=shape) * scale * 64) / 64).astype(np.float32)

    def near(values, amount):
        return (np.round((values + rng.normal(size=values.shape) * amount) * 64) / 64).astype(np.float32)

    cases = []

    def add(name, task, classes, values, variant, labels):
        run = classification if task == "classification" else regression
        cases.append(
            {
                "name": name,
                "task": task,
                "classes": classes,
                "width": values.shape[1],
                "labels": labels.tolist(),
                "reference": values.ravel().tolist(),
                "variant": variant.ravel().tolist(),
                "expected": run(values, labels),
                "agreement": agreement(values, variant, task == "classification"),
                **paired(task, values, variant, labels),
            }
        )

    def paired(task, values, variant, labels):
        if task != "classification":
            return {}
        (_, kind), (_, other) = probabilities(values, None), probabilities(variant, None)
        right = predicted(values, kind) == labels
        now = predicted(variant, other) == labels
        b, c = int((now & ~right).sum()), int((right & ~now).sum())
        return {"mcnemar": mcnemar(b, c), "tango": tango(b, c, len(labels)), "difference": (b - c) / len(labels)}

    labels = rng.integers(0, 10, 120)
    logits = coarse(120, 10)
    logits[np.arange(120), labels] += 1.5
    add("ten classes, logits", "classification", 10, logits, near(logits, 0.6), labels)

    labels = rng.choice([0, 1, 3], 60)
    logits = coarse(60, 5)
    logits[np.arange(60), labels] += 1
    add("five classes of which two never occur", "classification", 5, logits, near(logits, 1.5), labels)

    def softmax32(v):
        e = np.exp(v - v.max(axis=1, keepdims=True))
        return (e / e.sum(axis=1, keepdims=True)).astype(np.float32)

    labels = rng.integers(0, 4, 50)
    logits = coarse(50, 4, scale=2)
    add("probabilities", "classification", 4, softmax32(logits), softmax32(near(logits, 0.8)), labels)

    labels = rng.integers(0, 2, 80)
    single = coarse(80, 1) + (labels[:, None] - 0.5).astype(np.float32) * 2
    add("two classes, one logit", "classification", 2, single, near(single, 0.7), labels)
    add(
        "two classes, one probability",
        "classification",
        2,
        (1 / (1 + np.exp(-single))).astype(np.float32),
        (1 / (1 + np.exp(-near(single, 0.5)))).astype(np.float32),
        labels,
    )

    target = np.round(rng.normal(size=90) * 64) / 64
    answer = near(target[:, None].astype(np.float32), 0.3)
    add("regression", "regression", 0, answer, near(answer, 0.2), target)

    document = {
        "madeBy": "bench/metrics.py golden",
        "cases": cases,
        "wilson": [{"k": k, "n": n, "interval": wilson(k, n)} for k, n in [(0, 10), (7, 9), (81, 263), (9731, 10000), (50, 50)]],
        "mcnemar": [
            {"b": b, "c": c, "p": mcnemar(b, c)} for b, c in [(0, 0), (0, 5), (1, 6), (12, 30), (400, 461), (20100, 19800)]
        ],
        "tango": [
            {"b": b, "c": c, "n": n, "interval": tango(b, c, n)}
            for b, c, n in [(1, 6, 44), (12, 30, 500), (30, 12, 500), (5, 5, 60), (40, 461, 10000)]
        ],
        "median": [
            {"values": v.tolist(), "interval": median_interval(v), "quantiles": np.quantile(v, [0.25, 0.5, 0.9, 0.99]).tolist()}
            for v in [np.round(rng.exponential(size=n) * 64) / 64 for n in (5, 6, 17, 100)]
        ],
    }
    with open(path, "w") as file:
        json.dump(document, file, separators=(",", ":"))
        file.write("\n")
    print(f"{len(cases)} cases written to {path}")


# ---------------------------------------------------------------- checking an evaluation


def read_outputs(path):
    data = open(path, "rb").read()
    assert data[:8] == b"BANTAMO1", path
    (length,) = struct.unpack_from("<I", data, 8)
    header = json.loads(data[12 : 12 + length])
    at = 12 + length
    n = header["count"]
    header["indices"] = np.frombuffer(data, "<u4", n, at)
    at += (4 * n + 7) // 8 * 8
    if header["labels"]:
        header["labels"] = np.frombuffer(data, "<f8", n, at)
        at += 8 * n
    for output in header["outputs"]:
        width = output["width"]
        output["values"] = np.frombuffer(data, "<f4", n * width, at).reshape(n, width)
        at += 4 * n * width
    assert at == len(data), path
    return header


def check(evaluation_path, variant_path, reference_path):
    evaluation = json.load(open(evaluation_path))
    variant, reference = read_outputs(variant_path), read_outputs(reference_path)
    assert (variant["indices"] == reference["indices"]).all()
    main = [next(o for o in s["outputs"] if o["name"] == s["main"])["values"] for s in (reference, variant)]
    labels = variant["labels"].astype(int)
    expected = classification(main[1], labels)
    worst = 0.0

    def compare(name, ours, theirs):
        nonlocal worst
        gap = abs(ours - theirs)
        worst = max(worst, gap)
        print(f"{name:24} {ours:.15g}  {theirs:.15g}  {gap:.1e}")

    for name, value in expected["metrics"].items():
        compare(name, evaluation["metrics"][name]["value"], value)
    for side, value in zip(("low", "high"), expected["accuracyInterval"]):
        compare(f"accuracy {side}", evaluation["metrics"]["accuracy"][side], value)
    for ours, theirs in zip(evaluation["perClass"], expected["perClass"]):
        for key, value in theirs.items():
            worst = max(worst, abs(ours[key] - value))
    assert evaluation["confusion"] == expected["confusion"]
    for key, value in agreement(main[0], main[1], True).items():
        if value is not None:
            compare(f"agreement {key}", evaluation["agreement"][0][key], value)
    right = [m.argmax(axis=1) == labels for m in main]
    b, c = int((right[1] & ~right[0]).sum()), int((right[0] & ~right[1]).sum())
    difference = evaluation["differences"][0]
    compare("McNemar p", difference["p"], mcnemar(b, c))
    low, high = tango(b, c, len(labels))
    if mcnemar(b, c) >= 0.05:
        low, high = min(low, 0), max(high, 0)
    compare("difference low", difference["low"], low)
    compare("difference high", difference["high"], high)
    print(f"{len(labels)} samples, largest difference {worst:.1e}")
    sys.exit(0 if worst < 1e-9 else 1)


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    {"golden": golden, "check": check}[command](*arguments)
