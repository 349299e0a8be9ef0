"""How fast is learnt: the optimiser, its rate, and the loss scale that a plan asks for."""

from __future__ import annotations

import math

import torch
from torch import nn

from fleet.train.numerics.loss_scale import (
    ExponentialUpdateLossScaleManager,
    FixedLossScaleManager,
    LossScaleManager,
)
from fleet.train.plan import LossScale, TrainPlan

_LAST_RATE = 0.01
"""Where the cosine ends, as a share of the rate."""


def rate_at(step: int, plan: TrainPlan) -> float:
    """Give the learning rate of a step: it rises in a line, then falls as a cosine."""
    if step < plan.warm_up:
        return plan.rate * (step + 1) / plan.warm_up
    passed = (step - plan.warm_up) / max(1, plan.steps - plan.warm_up)
    return plan.rate * (_LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * passed)) / 2)


def make_optimizer(network: nn.Module, plan: TrainPlan) -> torch.optim.Optimizer:
    """Make AdamW; what is no matrix of weights does not decay."""
    weights = [value for value in network.parameters() if value.ndim > 1]
    others = [value for value in network.parameters() if value.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": plan.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=plan.rate)


def make_manager(asked: LossScale) -> LossScaleManager:
    """Make the loss scale manager that a plan asks for."""
    if asked.manager == "fixed":
        return FixedLossScaleManager(asked.loss_scale)
    return ExponentialUpdateLossScaleManager(
        asked.init_loss_scale,
        asked.incr_every_n_steps,
        asked.decr_every_n_nan_or_inf,
        asked.incr_ratio,
        asked.decr_ratio,
    )
