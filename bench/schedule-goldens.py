"""Learning rates by PyTorch, for main/training/schedule.test.ts: python3 bench/schedule-goldens.py"""

import json
import pathlib
import warnings

import torch
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, MultiStepLR, OneCycleLR, SequentialLR

PEAK = 0.3
STEPS = [5, 40, 100]
WARMUP = 0.1


def rates(make, steps):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))], lr=PEAK)
    schedule = make(optimizer)
    seen = []
    for step in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        if step + 1 < steps:
            optimizer.step()
            schedule.step()
    return seen


def warmed(kind, optimizer, steps):
    rising = round(WARMUP * steps)
    rest = steps - rising
    after = (
        CosineAnnealingLR(optimizer, T_max=rest)
        if kind == "cosine"
        else MultiStepLR(optimizer, milestones=[rest / 2, rest * 3 / 4], gamma=0.1)
    )
    rise = LinearLR(optimizer, start_factor=1 / rising, end_factor=1, total_iters=rising - 1)
    return SequentialLR(optimizer, [rise, after], milestones=[rising])


def main():
    warnings.filterwarnings("ignore")
    cases = []
    for steps in STEPS:
        cosine = rates(lambda o: CosineAnnealingLR(o, T_max=steps), steps)
        # PyTorch counts the last rate from the first, a 25th of the peak: 1/(25 * 400) is a ten-thousandth.
        cycle = rates(lambda o: OneCycleLR(o, PEAK, total_steps=steps, final_div_factor=400, cycle_momentum=False), steps)
        cases.append({"kind": "cosine", "warmup": 0, "steps": steps, "rates": cosine})
        cases.append({"kind": "one-cycle", "warmup": 0, "steps": steps, "rates": cycle})
    for kind in ["cosine", "step"]:
        cases.append({"kind": kind, "warmup": WARMUP, "steps": 40, "rates": rates(lambda o: warmed(kind, o, 40), 40)})
    path = pathlib.Path(__file__).parent.parent / "main/training/schedule-goldens.json"
    path.write_text(json.dumps({"torch": torch.__version__, "peak": PEAK, "cases": cases}) + "\n")


if __name__ == "__main__":
    main()
