"""The training job as users meet it."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.errors import UsageError

JOB = Path(__file__).parents[2] / "jobs" / "train_street.py"


def test_without_pytorch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence with the extra's name, before anything is imported or rendered."""
    check_installed = runpy.run_path(str(JOB))["check_installed"]
    found = {"cv2": "there", "pycocotools": "there"}
    monkeypatch.setitem(check_installed.__globals__, "find_spec", found.get)
    with pytest.raises(UsageError, match=r"torch.*ascend-fleet\[train\]"):
        check_installed()


def test_its_own_job_file_is_sound() -> None:
    """With the settings that the committed network was trained with."""
    from fleet.train.plan import read_plan

    plan = read_plan(JOB.with_suffix(".toml"), {"steps": 3, "loss_scale.manager": "exponential"})
    assert (plan.steps, plan.loss_scale.manager) == (3, "exponential")


def test_mistakes_in_the_job_file_are_listed(tmp_path: Path) -> None:
    """All at once, on stderr, with the exit code of bad usage and no traceback."""
    path = tmp_path / "job.toml"
    path.write_text('output = ""\ncache = "c"\nstep = 4\nsteps = 0\n')
    done = subprocess.run(
        [sys.executable, str(JOB), str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert all(f"- {field}: " in done.stderr for field in ("output", "step", "steps"))


def test_a_layer_that_is_not_there_cannot_overflow(tmp_path: Path) -> None:
    """The error lists those that are."""
    from fleet.train.plan import TrainPlan
    from fleet.train.trainer import Trainer

    plan = TrainPlan(output=str(tmp_path), cache="c", steps=1, inject_overflow_layer="stem")
    with pytest.raises(UsageError, match=r"stem\.0"):
        Trainer(plan)
