"""What training needs beyond the rest: PyTorch, and some pictures that cost nothing to make."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from fleet.train.data.samples import Samples
    from fleet.train.plan import TrainPlan


@pytest.fixture(autouse=True)
def _needs_training_extra() -> None:
    """Skip without the extra, fail where everything must be there."""
    absent = [name for name in ("torch", "cv2", "faster_coco_eval") if find_spec(name) is None]
    if absent:
        reason = f"training needs the extra [train]: no {', '.join(absent)}"
        if os.environ.get("CI"):
            pytest.fail(f"{reason} (CI must have it)")
        pytest.skip(reason)


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., TrainPlan]:
    """Make plans of tiny trainings."""
    from fleet.train.plan import TrainPlan

    def make(**changes: Any) -> TrainPlan:
        small = {"steps": 6, "batch": 2, "warm_up": 2, "threads": 1, "checkpoint_every": 3}
        places = {"output": str(tmp_path / "out"), "cache": str(tmp_path / "pictures")}
        return TrainPlan(**{**places, **small, **changes})

    return make


@pytest.fixture(scope="session")
def clips() -> list[Samples]:
    """Two clips of two pictures: noise, with a bright box wherever a car is said to be."""
    from fleet.train.data.samples import Samples

    rng = np.random.default_rng(3)
    made = []
    for _ in range(2):
        bands = rng.integers(0, 90, (2, 256, 416, 3), np.uint8)
        truth = np.array(
            [
                (0, 2, 40, 60, 100, 100, 0.0),
                (0, 0, 200, 90, 206, 108, 0.2),
                (1, 2, 150, 120, 240, 170, 0.0),
                (1, 0, 20, 60, 24, 65, 0.9),
            ],
            np.float32,
        )
        for number, _, left, top, right, bottom, _ in truth.astype(int):
            bands[number, top:bottom, left:right] += 120
        made.append(Samples(bands, truth))
    return made
