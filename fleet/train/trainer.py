"""One training: network, optimiser, loss scale, and their state in checkpoints."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fleet.errors import UsageError
from fleet.train.data.batches import Batch
from fleet.train.loss import street_loss
from fleet.train.network import StreetNet
from fleet.train.numerics.dump import Dumper
from fleet.train.numerics.overflow import FloatStatus, Overflow
from fleet.train.numerics.precision import (
    CubeConv,
    PrecisionMode,
    computing,
    passing_through,
    set_precision,
)
from fleet.train.optimise import make_manager, make_optimizer, rate_at
from fleet.train.plan import TrainPlan

_MOST_GRADIENT = 10.0
_AVERAGE = 0.999
_SWELL = 1e9
"""The factor of a result where an overflow is injected."""


@dataclass(frozen=True)
class Step:
    """The result of one step."""

    global_step: int
    """Updates made so far."""
    data_index: int
    """The number of the batch."""
    loss: float
    """The mean loss of the batch, without the loss scale."""
    loss_scale: float
    """The scale of this step."""
    overflow: tuple[Overflow, ...]
    """The tensors that saturated, in the order in which they did; empty for a good step."""


class Trainer:
    """A network in training; only `step` and `restore` change it."""

    def __init__(self, plan: TrainPlan) -> None:
        self.plan = plan
        self.mode = PrecisionMode(plan.precision_mode)
        torch.manual_seed(plan.seed)
        self.network = StreetNet().to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).requires_grad_(requires_grad=False)
        """The network with a running mean of the weights; this one is exported."""
        self.status = FloatStatus(keeps_values=plan.dump.enable_dump_debug)
        self.dumper = Dumper(plan.dump)
        self._injected_layer = _convolution(self.network, plan.inject_overflow_layer)
        set_precision(self.network, self.mode, self.status)
        self.optimizer = make_optimizer(self.network, plan)
        self.manager = make_manager(plan.loss_scale)
        self.global_step = 0
        """Updates made so far."""
        self.batches_seen = 0
        """Batches processed so far, those of dropped steps included."""

    @property
    def dropped(self) -> int:
        """How many steps were dropped for an overflow."""
        return self.batches_seen - self.global_step

    def step(self, batch: Batch) -> Step:
        """Update the weights by a batch; drop the step, without an update, where it overflows."""
        scale, data_index = self.manager.loss_scale, self.batches_seen
        if data_index == self.plan.inject_overflow_step:
            self._injected_layer.swell = _SWELL
        # A forward pass moves the running statistics of batch norm, also in a step that is dropped.
        before = [buffer.clone() for buffer in self.network.buffers()]
        self.status.alloc()
        with computing(self.mode), self._dumped(data_index):
            maps = self.network(as_input(batch))
        loss = street_loss(maps, batch.targets)
        self.optimizer.zero_grad()
        (loss * scale).backward()
        overflow = self._overflow()
        self.batches_seen += 1
        self.manager.update(overflow=bool(overflow))
        if overflow:
            self._drop(before)
            self.dumper.write_overflow(data_index, overflow)
        else:
            self._update(scale)
        return Step(self.global_step, data_index, float(loss.detach()), scale, overflow)

    @contextmanager
    def _dumped(self, data_index: int) -> Iterator[None]:
        """Write what passes through the convolutions meanwhile, if the plan asks for it."""
        if self.plan.dump.dumps(data_index):
            with passing_through(self.network) as kept:
                yield
            self.dumper.write_pass(data_index, kept)
        else:
            yield

    def _overflow(self) -> tuple[Overflow, ...]:
        raised = self.status.get_and_clear()
        if raised:
            return raised
        # Outside float16 nothing saturates: infinities and NaNs show in the gradients.
        return tuple(
            Overflow(f"{name} (gradient)")
            for name, value in self.network.named_parameters()
            if value.grad is not None and not torch.isfinite(value.grad.sum())
        )

    def _drop(self, before: list[Tensor]) -> None:
        for buffer, value in zip(self.network.buffers(), before, strict=True):
            buffer.copy_(value)

    def _update(self, scale: float) -> None:
        parameters = [value for value in self.network.parameters() if value.grad is not None]
        for value in parameters:
            assert value.grad is not None
            value.grad.div_(scale)
        nn.utils.clip_grad_norm_(parameters, _MOST_GRADIENT)
        for group in self.optimizer.param_groups:
            group["lr"] = rate_at(self.global_step, self.plan)
        self.optimizer.step()
        self.global_step += 1
        self._update_average()

    def _update_average(self) -> None:
        share = min(_AVERAGE, (1 + self.global_step) / (10 + self.global_step))
        with torch.no_grad():
            for mean, value in zip(
                self.average.state_dict().values(), self.network.state_dict().values(), strict=True
            ):
                if mean.dtype.is_floating_point:
                    mean.lerp_(value, 1 - share)

    def state(self) -> dict[str, Any]:
        """Return all that a later process needs to resume."""
        return {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "manager": self.manager.state(),
            "global_step": self.global_step,
            "batches_seen": self.batches_seen,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Resume from a state."""
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.manager.restore(state["manager"])
        self.global_step, self.batches_seen = state["global_step"], state["batches_seen"]


def as_input(batch: Batch) -> Tensor:
    """Return a batch's pictures as the network's input: float [N, 3, height, width], 0..1."""
    return torch.from_numpy(batch.pictures).permute(0, 3, 1, 2).float() / 255


def _convolution(network: nn.Module, name: str) -> CubeConv:
    known = {key: part for key, part in network.named_modules() if isinstance(part, CubeConv)}
    if name not in known:
        raise UsageError(
            f"The network has no convolution {name!r} (inject_overflow_layer).",
            f"It has {', '.join(known)}.",
        )
    return known[name]


def save_checkpoint(trainer: Trainer, path: Path) -> None:
    """Write the whole state; the file gets its name when it is complete."""
    part = path.with_suffix(".part")
    torch.save(trainer.state(), part)
    part.replace(path)


def load_checkpoint(trainer: Trainer, path: Path) -> None:
    """Resume from a checkpoint."""
    trainer.restore(torch.load(path, weights_only=True))
