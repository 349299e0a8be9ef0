"""Mixed precision learns as float32 does: the same training twice, on a simulated Ascend 910.

python tests/train/prove_precision.py [STEPS]: from one seed, once with allow_mix_precision and a
loss scale of 1024 and once with force_fp32; fails if the losses at the end differ by over 5 %.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from fleet.street.render_pool import map_unordered
from fleet.train.data.augment import Change
from fleet.train.data.batches import Batches
from fleet.train.data.render import render_samples
from fleet.train.data.samples import load
from fleet.train.data.scenes import training_clip
from fleet.train.plan import TrainPlan
from fleet.train.trainer import Trainer

CACHE = Path("build/prove_precision")
CLIPS, PICTURES = 32, 8
LAST = 20
"""The loss at the end: the mean of so many steps, as each batch is harder or easier than others."""
MOST_APART = 0.05


def losses(mode: str, steps: int) -> list[float]:
    """Train, and give the loss of each step."""
    plan = TrainPlan.model_validate(
        {
            "output": "unused",
            "cache": str(CACHE),
            "steps": steps,
            "precision_mode": mode,
            "warm_up": 50,
        }
    )
    trainer = Trainer(plan)
    made = Batches([load(CACHE, _name(number)) for number in range(CLIPS)], plan.seed, plan.batch)
    told = []
    for number in range(steps):
        step = trainer.step(made.make(number, Change(), whole_canvas=False))
        told.append(step.loss)
        if number % 20 == 19:
            print(
                f"simulated Ascend 910, {mode}: step {number + 1}, loss {step.loss:.4f}", flush=True
            )
    assert not trainer.dropped, "no step is to overflow at a scale of 1024"
    return told


def _name(number: int) -> str:
    return f"training-{number:05d}x{PICTURES}"


def main(steps: int) -> None:
    """Train twice and compare."""
    CACHE.mkdir(parents=True, exist_ok=True)
    pieces = [(CACHE, _name(number), training_clip(number, PICTURES)) for number in range(CLIPS)]
    list(map_unordered(render_samples, pieces, 2))
    torch.set_num_threads(2)
    mixed, single = (
        float(np.mean(losses(mode, steps)[-LAST:]))
        for mode in ("allow_mix_precision", "force_fp32")
    )
    apart = abs(mixed - single) / single
    print(
        f"after {steps} steps: allow_mix_precision {mixed:.4f}, force_fp32 {single:.4f}, "
        f"{apart:.2%} apart (simulated Ascend 910)"
    )
    sys.exit(apart > MOST_APART)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
