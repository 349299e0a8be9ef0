"""Steps: what is learnt, dropped, written down, kept and taken up again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from fleet.errors import JobFileError

if TYPE_CHECKING:
    from fleet.train.data.samples import Samples
    from fleet.train.plan import TrainPlan
    from fleet.train.trainer import Step, Trainer

Plans = Callable[..., "TrainPlan"]


def _trainer(plan: TrainPlan, clips: list[Samples]) -> tuple[Trainer, Callable[[], Step]]:
    """Make a trainer, and what has it do its next step."""
    import torch

    from fleet.train.data.augment import Change
    from fleet.train.data.batches import Batches
    from fleet.train.trainer import Trainer

    torch.set_num_threads(1)
    trainer, made = Trainer(plan), Batches(clips, plan.seed, plan.batch)

    def step() -> Step:
        return trainer.step(made.make(trainer.batches_seen, Change(), whole_canvas=False))

    return trainer, step


def _weights(trainer: Trainer) -> dict[str, Any]:
    return {name: value.clone() for name, value in trainer.network.state_dict().items()}


def _same(one: Any, other: Any) -> bool:
    import torch

    if isinstance(one, torch.Tensor):
        return bool(torch.equal(one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return all(map(_same, one, other))
    return bool(one == other)


@pytest.mark.parametrize("mode", ["allow_mix_precision", "force_fp32", "host_bfloat16"])
def test_the_loss_falls(plan: Plans, clips: list[Samples], mode: str) -> None:
    """In each precision, on four pictures looked at again and again."""
    trainer, step = _trainer(plan(steps=12, precision_mode=mode), clips)
    losses = [step().loss for _ in range(12)]
    assert np.mean(losses[-3:]) < 0.8 * np.mean(losses[:3])
    assert (trainer.global_step, trainer.dropped) == (12, 0)


def test_an_injected_overflow_is_found_in_its_step(plan: Plans, clips: list[Samples]) -> None:
    """The step is dropped: weights, statistics, average, global step stay; the layer is named."""
    trainer, step = _trainer(plan(inject_overflow_step=1), clips)
    step()
    before = _weights(trainer)
    average = {name: value.clone() for name, value in trainer.average.state_dict().items()}
    done = step()
    assert done.overflow[0].tensor == "stem.0.output"
    assert (done.data_index, trainer.global_step, trainer.dropped) == (1, 1, 1)
    assert _same(before, trainer.network.state_dict())
    assert _same(average, trainer.average.state_dict())
    assert not step().overflow
    assert (trainer.global_step, trainer.dropped) == (2, 1)


def test_an_overflow_is_found_outside_float16_too(plan: Plans, clips: list[Samples]) -> None:
    """With float32 what is no finite number tells of it, in the gradients."""
    import torch

    trainer, step = _trainer(plan(precision_mode="force_fp32"), clips)
    with torch.no_grad():
        trainer.network.stem[0].weight[0, 0, 0, 0] = float("inf")
    assert step().overflow
    assert trainer.global_step == 0


def test_a_dynamic_scale_comes_down_until_gradients_fit(plan: Plans, clips: list[Samples]) -> None:
    """From 2^40, far too high: steps are dropped, two for each change, until one is good."""
    scale = {"manager": "exponential", "init_loss_scale": 2.0**40, "decr_ratio": 0.01}
    trainer, step = _trainer(plan(loss_scale=scale), clips)
    steps = [step() for _ in range(12)]
    bad = [bool(done.overflow) for done in steps]
    assert bad[:2] == [True, True]
    assert not bad[-1]
    assert steps[2].loss_scale == 2.0**40 * 0.01
    assert trainer.global_step == bad.count(False)


def test_resuming_equals_a_training_without_a_break(
    plan: Plans, clips: list[Samples], tmp_path: Path
) -> None:
    """Weights, average, optimiser, scale and counts agree bit for bit, a dropped step included."""
    from fleet.train.trainer import load_checkpoint, save_checkpoint

    scale = {"manager": "exponential", "init_loss_scale": 1024.0, "incr_every_n_steps": 2}
    asked = plan(inject_overflow_step=1, loss_scale=scale)
    whole, step = _trainer(asked, clips)
    for _ in range(6):
        step()
    first, step = _trainer(asked, clips)
    for _ in range(3):
        step()
    save_checkpoint(first, tmp_path / "checkpoint.pt")
    second, step = _trainer(asked, clips)
    load_checkpoint(second, tmp_path / "checkpoint.pt")
    for _ in range(3):
        step()
    assert _same(whole.state(), second.state())


def test_what_overflowed_is_dumped_on_request(
    plan: Plans, clips: list[Samples], tmp_path: Path
) -> None:
    """Under path/time/device/model name/model id/data index; nothing where nothing overflowed."""
    dump = {"enable_dump_debug": True, "dump_path": str(tmp_path / "dump")}
    _, step = _trainer(plan(inject_overflow_step=2, dump=dump), clips)
    step()
    step()
    assert not (tmp_path / "dump").exists()
    step()
    (run,) = (tmp_path / "dump").iterdir()
    values = np.load(run / "0" / "street" / "1" / "2" / "stem.0.output.npy")
    assert np.abs(values).max() > 65504


def test_overflows_of_another_kind_are_not_dumped(
    plan: Plans, clips: list[Samples], tmp_path: Path
) -> None:
    """A result of an operator is no atomic overflow."""
    dump = {
        "enable_dump_debug": True,
        "dump_path": str(tmp_path / "dump"),
        "dump_debug_mode": "atomic_overflow",
    }
    _, step = _trainer(plan(inject_overflow_step=0, dump=dump), clips)
    assert step().overflow
    names = [path.name for path in (tmp_path / "dump").rglob("*.npy")]
    assert all(name.endswith(("weight.gradient.npy", "bias.gradient.npy")) for name in names)


def test_chosen_steps_are_dumped_whole(plan: Plans, clips: list[Samples], tmp_path: Path) -> None:
    """Of steps 0 and 2, what goes into every convolution."""
    dump = {
        "enable_dump": True,
        "dump_path": str(tmp_path / "dump"),
        "dump_step": "0|2",
        "dump_mode": "input",
    }
    _, step = _trainer(plan(dump=dump), clips)
    for _ in range(3):
        step()
    (run,) = (tmp_path / "dump").iterdir()
    folder = run / "0" / "street" / "1"
    assert sorted(path.name for path in folder.iterdir()) == ["0", "2"]
    assert np.load(folder / "2" / "stem.0.input.npy").shape == (2, 3, 256, 416)
    assert not list(folder.rglob("*.output.npy"))


def test_both_dumps_at_once_are_refused(tmp_path: Path) -> None:
    """A mistake of the job file, with the way out."""
    from fleet.train.plan import read_plan

    path = tmp_path / "job.toml"
    path.write_text(
        'output = "o"\ncache = "c"\nsteps = 1\n[dump]\nenable_dump = true\nenable_dump_debug = true\n'
    )
    with pytest.raises(JobFileError, match="exclude each other"):
        read_plan(path, {})


def test_a_training_goes_to_its_last_step_and_says_how_it_went(
    plan: Plans, clips: list[Samples]
) -> None:
    """Log lines with step, time, loss, scale and modelled use; overflow; validation; checkpoint."""
    from fleet.train.run import CHECKPOINT, train

    said: list[str] = []
    asked = plan(steps=4, log_every=2, inject_overflow_step=1, validate_every=4)
    train(asked, clips, clips[:1], ["day"], said.append)
    log = "\n".join(said)
    assert "step 2  sec/step " in log
    assert "loss scale value=1024" in log
    assert "AI core " in log
    assert "(modelled, simulated Ascend910A)" in log
    assert "5 steps, 1 dropped in all; modelled: 0." in log
    assert "overflow in batch 1, at stem.0.output: the step is dropped (1 so far)" in log
    assert "validation: AP@0.5 " in log
    assert (Path(asked.output) / CHECKPOINT).exists()
    said.clear()
    train(asked, clips, clips[:1], ["day"], said.append)
    assert said[0] == "goes on from step 4"


def test_an_overflow_is_injected_only_where_it_would_show(plan: Plans) -> None:
    """Float32 does not overflow where float16 does: that is said at once."""
    with pytest.raises(ValueError, match="allow_mix_precision"):
        plan(inject_overflow_step=0, precision_mode="force_fp32")


def test_the_rate_rises_and_falls(plan: Plans) -> None:
    """In a line over the warm-up, then as a cosine to a hundredth."""
    from fleet.train.optimise import rate_at

    asked = plan(steps=100, warm_up=10, rate=1.0)
    rates = [rate_at(step, asked) for step in range(101)]
    assert rates[:10] == pytest.approx([0.1 * (step + 1) for step in range(10)])
    assert all(one >= other for one, other in pairwise(rates[10:]))
    assert rates[100] == pytest.approx(0.01)
