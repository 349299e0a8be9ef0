"""The loop of a training, from its plan to the trained network."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from fleet.ascend.soc import MB, Ascend910A
from fleet.core.geometry import Size
from fleet.evaluate.score import Evaluation
from fleet.train.data.augment import Change
from fleet.train.data.batches import Batch, Batches
from fleet.train.data.samples import Samples
from fleet.train.numerics.use import StepUse, step_use
from fleet.train.plan import TrainPlan
from fleet.train.trainer import Step, Trainer, load_checkpoint, save_checkpoint
from fleet.train.validate import validate

CHECKPOINT = "checkpoint.pt"
Say = Callable[[str], None]


def train(
    plan: TrainPlan,
    clips: list[Samples],
    validation: list[Samples],
    lights: list[str],
    say: Say,
) -> Trainer:
    """Train to the plan's last step, from the checkpoint in its folder if there is one."""
    torch.set_num_threads(plan.threads)
    trainer = Trainer(plan)
    checkpoint = Path(plan.output) / CHECKPOINT
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    if checkpoint.exists():
        load_checkpoint(trainer, checkpoint)
        say(f"goes on from step {trainer.global_step:,}")
    batches = Batches(clips, plan.seed, plan.batch)
    say(f"{len(batches):,} pictures to train on, {sum(map(len, validation)):,} to validate on")
    log = _Log(plan, trainer, say)
    for batch in _ahead(plan, trainer, batches):
        done = trainer.step(batch)
        log.add(done, batch)
        # A dropped step does not change the count: what is due at this count was done before.
        if done.overflow:
            continue
        step, last = trainer.global_step, trainer.global_step == plan.steps
        if step % plan.checkpoint_every == 0 or last:
            save_checkpoint(trainer, checkpoint)
        if step % plan.validate_every == 0 or last:
            say(evaluation_line(validate(trainer.average, validation, lights)))
            log.restart()
    say(log.summary())
    return trainer


class _Log:
    """The log of the steps, and the sum of what they would take on a real chip."""

    def __init__(self, plan: TrainPlan, trainer: Trainer, say: Say) -> None:
        self._plan = plan
        self._trainer = trainer
        self._say = say
        self._uses: dict[Size, StepUse] = {}
        self._chip_s = 0.0
        self._peak_bytes = 0
        self._steps = 0
        self.restart()

    def restart(self) -> None:
        """Start to time steps."""
        self._since_s, self._timed = time.monotonic(), 0

    def add(self, done: Step, batch: Batch) -> None:
        """Count a step, and write its line where one is due."""
        use = self._use(Size(batch.pictures.shape[2], batch.pictures.shape[1]))
        self._chip_s += use.chip_s or 0.0
        self._peak_bytes = max(self._peak_bytes, use.memory_bytes)
        self._steps += 1
        self._timed += 1
        if done.overflow:
            self._say(_overflow_line(done, self._trainer))
        elif done.global_step % self._plan.log_every == 0:
            sec_per_step = (time.monotonic() - self._since_s) / self._timed
            self._say(_step_line(done, sec_per_step, use))
            self.restart()

    def _use(self, canvas: Size) -> StepUse:
        if canvas not in self._uses:
            trainer, plan = self._trainer, self._plan
            self._uses[canvas] = step_use(
                trainer.network, Ascend910A, trainer.mode, plan.batch, canvas
            )
        return self._uses[canvas]

    def summary(self) -> str:
        """Return a line on what all steps would have taken on a real chip."""
        name, memory = Ascend910A.name, f"{self._peak_bytes / MB:,.0f} MB of its memory"
        dropped = f"{self._steps:,} steps, {self._trainer.dropped:,} dropped in all"
        if not self._chip_s:
            mode = self._trainer.mode
            return f"{dropped}; modelled: {memory} on one {name}, no time: {mode} has no rate there"
        return (
            f"{dropped}; modelled: {self._chip_s:.2f} s on one {name} (not measured; its cube "
            f"units at their float16 peak), {memory}"
        )


def _ahead(plan: TrainPlan, trainer: Trainer, batches: Batches) -> Iterator[Batch]:
    """Yield batches, and make each while the one before it is in use."""

    def make(number: int) -> Batch:
        whole = number >= plan.steps - plan.whole_canvas_steps
        change = Change(zoom=0.15, tint=0.5) if whole else Change()
        return batches.make(number, change, whole_canvas=whole)

    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(make, trainer.batches_seen)
        while trainer.global_step < plan.steps:
            batch = coming.result()
            coming = maker.submit(make, trainer.batches_seen + 1)
            yield batch


def _step_line(done: Step, sec_per_step: float, use: StepUse) -> str:
    return (
        f"step {done.global_step:,}  sec/step {sec_per_step:.3f}  loss {done.loss:.4f}  "
        f"loss scale value={done.loss_scale:g}  {use.line(sec_per_step)}"
    )


def _overflow_line(done: Step, trainer: Trainer) -> str:
    return (
        f"overflow in batch {done.data_index:,}, at {done.overflow[0].tensor}: the step is dropped "
        f"({trainer.dropped:,} so far), global step stays {done.global_step:,}, "
        f"loss scale value={done.loss_scale:g}, next {trainer.manager.loss_scale:g}"
    )


def evaluation_line(found: Evaluation) -> str:
    """Return one line on the quality of a network."""
    parts = {**found.by_class, **found.by_light}
    each = "  ".join(
        f"{name} {score.ap50:.3f}" for name, score in parts.items() if score.ap50 is not None
    )
    return f"validation: AP@0.5 {found.overall.ap50 or 0:.3f}  {each}"
