"""The training job as users meet it."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import fleet_process

from fleet.cli import train as command
from fleet.errors import UsageError

JOB = Path(__file__).parents[2] / "jobs" / "train_street.toml"


def test_without_pytorch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence with the extra's name, before anything is imported or rendered."""
    monkeypatch.setattr(command, "find_spec", {"cv2": "there", "faster_coco_eval": "there"}.get)
    with pytest.raises(UsageError, match=r"torch.*ascend-fleet\[train\]"):
        command.check_installed()


def test_its_own_job_file_is_sound() -> None:
    """With the settings that the committed network was trained with."""
    from fleet.train.plan import read_plan

    plan = read_plan(JOB, {"steps": 3, "loss_scale.manager": "exponential"})
    assert (plan.steps, plan.loss_scale.manager) == (3, "exponential")


def test_mistakes_in_the_job_file_are_listed(tmp_path: Path) -> None:
    """All at once, on stderr, with the exit code of bad usage and no traceback."""
    path = tmp_path / "job.toml"
    path.write_text('output = ""\ncache = "c"\nstep = 4\nsteps = 0\n')
    done = fleet_process("train", path)
    assert done.returncode == 2
    assert all(f"- {field}: " in done.stderr for field in ("output", "step", "steps"))


def test_a_layer_that_is_not_there_cannot_overflow(tmp_path: Path) -> None:
    """The error lists those that are."""
    from fleet.train.plan import TrainPlan
    from fleet.train.trainer import Trainer

    plan = TrainPlan(output=str(tmp_path), cache="c", steps=1, inject_overflow_layer="stem")
    with pytest.raises(UsageError, match=r"stem\.0"):
        Trainer(plan)
