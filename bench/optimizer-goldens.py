"""Golden trajectories of PyTorch's optimizers: weights after each of 6 steps, two parameters, the second without decay.

python bench/optimizer-goldens.py main/training/optimizer/goldens.json
"""
import json, sys, torch

CASES = [
    dict(kind='sgd'),
    dict(kind='sgd', momentum=0.9, weightDecay=0.01),
    dict(kind='sgd', momentum=0.9, nesterov=True, weightDecay=0.01),
    dict(kind='adam'),
    dict(kind='adam', beta1=0.8, beta2=0.99, epsilon=1e-3, weightDecay=0.1),
    dict(kind='adamw', weightDecay=0.1),
]
SIZES, STEPS = [17, 3], 6
RATES = [0.1, 0.05, 0.1, 0.02, 0.02, 0.01]


def make(case, groups):
    if case['kind'] == 'sgd':
        return torch.optim.SGD(groups, momentum=case.get('momentum', 0), nesterov=case.get('nesterov', False))
    cls = torch.optim.AdamW if case['kind'] == 'adamw' else torch.optim.Adam
    return cls(groups, betas=(case.get('beta1', 0.9), case.get('beta2', 0.999)), eps=case.get('epsilon', 1e-8))


def numbers(t):
    return [float(v) for v in t.detach().flatten()]


torch.manual_seed(0)
start = [torch.randn(n) for n in SIZES]
slopes = [[torch.randn(n) * (0.1 if s % 2 else 1) for n in SIZES] for s in range(STEPS)]
cases = []
for case in CASES:
    params = [torch.nn.Parameter(t.double()) for t in start]
    decay = case.get('weightDecay', 0.0)
    optimizer = make(case, [dict(params=[params[0]], weight_decay=decay), dict(params=[params[1]], weight_decay=0.0)])
    after, averaged = [], None
    for s in range(STEPS):
        for group in optimizer.param_groups:
            group['lr'] = RATES[s]
        for p, g in zip(params, slopes[s]):
            p.grad = g.double()
        optimizer.step()
        averaged = [p.detach().clone() for p in params] if averaged is None else [a + 0.1 * (p.detach() - a) for a, p in zip(averaged, params)]
        after.append([numbers(p) for p in params])
    cases.append(dict(options=case, after=after, averaged=[numbers(a) for a in averaged]))
golden = dict(rates=RATES, start=[numbers(t) for t in start], slopes=[[numbers(t) for t in s] for s in slopes], cases=cases)
json.dump(golden, open(sys.argv[1], 'w'))
