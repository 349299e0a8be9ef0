"""What the tests of damage and faults share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pixel_leases import JOB, Pixels
from process_hands import Hands, Held, gone

from fleet.executors.processes.pool import ProcessPool
from fleet.worker.spec import WorkerSpec


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where generated clips are kept, so that each is encoded once."""
    return tmp_path_factory.mktemp("clips")


@pytest.fixture
def spec(tmp_path: Path) -> WorkerSpec:
    """A worker whose job stands still until the file `go` is there."""
    work = Pixels(Held(tmp_path / "go"))
    return WorkerSpec(work, JOB, str(tmp_path / "out"), "Ascend310", "", {}, {})


@pytest.fixture
def hands(spec: WorkerSpec) -> Iterator[Hands]:
    """A pool without a device so far; none of its processes is left."""
    with closing(ProcessPool(spec, most=3)) as pool:
        hands = Hands(pool)
        yield hands
    for progress in hands.heard.values():
        assert gone(progress.pid)
