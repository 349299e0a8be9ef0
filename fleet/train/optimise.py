"""The optimiser, its learning rate, and the manager of the loss scale, as a plan asks for them."""

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
"""The end of the cosine, as a share of the rate."""


def rate_at(step: int, plan: TrainPlan) -> float:
    """Return the learning rate of a step: it rises linearly, then falls as a cosine."""
    if step < plan.warm_up:
        return plan.rate * (step + 1) / plan.warm_up
    passed = (step - plan.warm_up) / max(1, plan.steps - plan.warm_up)
    return plan.rate * (_LAST_RATE + (1 - _LAST_RATE) * (1 + math.cos(math.pi * passed)) / 2)


def make_optimizer(network: nn.Module, plan: TrainPlan) -> torch.optim.Optimizer:
    """Return AdamW, with weight decay for matrices of weights only."""
    weights = [value for value in network.parameters() if value.ndim > 1]
    others = [value for value in network.parameters() if value.ndim <= 1]
    groups = [
        {"params": weights, "weight_decay": plan.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=plan.rate)


def make_manager(scale: LossScale) -> LossScaleManager:
    """Return the manager of the loss scale that a plan asks for."""
    if scale.manager == "fixed":
        return FixedLossScaleManager(scale.loss_scale)
    return ExponentialUpdateLossScaleManager(
        scale.init_loss_scale,
        scale.incr_every_n_steps,
        scale.decr_every_n_nan_or_inf,
        scale.incr_ratio,
        scale.decr_ratio,
    )
