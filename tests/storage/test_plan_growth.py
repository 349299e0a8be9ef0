"""What looking ahead of a run holds of each video of an archive is little more than its name."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import made_up_growth
import pytest

from fleet.driver.outlook import survey as survey_room
from fleet.driver.outlook import work_file
from fleet.driver.outlook.estimate import Estimate, estimate
from fleet.driver.session import load_session
from fleet.driver.target.target import resolve_target
from fleet.index_cache import store as index_store
from fleet.job.job_file import load_job
from fleet.job.toml_text import packaged_job
from fleet.storage import expand

FEW, MANY = 100, 900
AT_ONCE = 50
"""Videos that are looked at, and that lie in a batch of indexes; far fewer than usual."""
BYTES_A_VIDEO = 200
"""What may be held of each beside its address and version: some numbers, room to grow, and its share
of what is held of a batch. As objects, they alone would be more."""


@pytest.fixture(autouse=True)
def all_that_is_bounded_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what grows without bound shows on small archives."""
    monkeypatch.setattr(made_up_growth, "MOST_VIDEOS", AT_ONCE)
    monkeypatch.setattr(survey_room, "AT_ONCE", AT_ONCE)
    monkeypatch.setattr(index_store, "VIDEOS_KEPT", AT_ONCE)
    monkeypatch.setattr(index_store, "FILES_KEPT", 1)
    monkeypatch.setattr(index_store, "GROUPS_KEPT", 1)
    monkeypatch.setattr(work_file, "IN_MEMORY_BYTES", 1)


def planned(archive: Path) -> tuple[Estimate, int]:
    """Plan a run over an archive; return the most bytes that were held at once as well."""
    made = {"input": [str(archive / "in")], "index_cache": str(archive / "index")}
    job = load_job(packaged_job("thumbnails.toml"), {**made, "output": str(archive / "out")})
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        found = estimate(load_session(resolve_target(job)), devices=2)
        return found, tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def test_a_plan_holds_little_more_of_a_video_than_its_name(tmp_path: Path) -> None:
    """Between two sizes of an archive, what it holds at most grows by a name and some numbers."""
    peaks = []
    # What is loaded once is none of it.
    for videos in (FEW, FEW, MANY):
        archive = tmp_path / f"{videos:03}"
        if not archive.exists():
            made_up_growth.make_archive(archive, videos)
        found, peak = planned(archive)
        assert found.todo.videos == videos
        assert found.todo.frames == videos * 5
        peaks.append(peak)
    sources = expand([str(tmp_path / f"{MANY:03}" / "in")]).sources
    names = sum(len(source.uri) + len(source.etag) for source in sources) / MANY
    assert peaks[2] - peaks[1] < (MANY - FEW) * (names + BYTES_A_VIDEO)
