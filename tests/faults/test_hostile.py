"""A seeded sample of the archive that means harm; `make prove-hostile` runs all of it, under Ray."""

from __future__ import annotations

from pathlib import Path

import pytest
from accounts import check_books, read_books, references, thumbnails
from hostile import GOOD, NAMES, Library, hostile, lay_out

import fleet
from fleet.core.run_events import LeaseDone, RunEvent
from fleet.views.progress_line import remark

SEED, ALL, SAMPLE = 20261122, 300, 20


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Clips, encoded once."""
    return Library(tmp_path_factory.mktemp("library"))


class Lines:
    """Keeps what would be written of a run."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.leases = 0

    def on_event(self, event: RunEvent) -> None:
        """Take note."""
        self.leases += isinstance(event, LeaseDone)
        if line := remark(event):
            self.lines.append(line)


def test_a_sample_of_the_hostile_archive_is_accounted_for(library: Library, tmp_path: Path) -> None:
    """Every good frame is there, every other one is there or lost with stage and reason."""
    everything = hostile(library, tmp_path / "canary", 9, ALL, SEED)
    sample = everything[:: ALL // SAMPLE]
    archive = lay_out(tmp_path / "in", library, len(GOOD), sample)
    report = fleet.run(thumbnails(tmp_path / "in", tmp_path / "out", devices=2), on="inline")
    assert report.exit_code == 3
    assert report.refused_videos + len(archive.good) <= report.videos == len(GOOD) + len(sample)
    expected = references(library, tmp_path / "whole")
    check_books(archive, read_books(tmp_path / "out"), expected)
    again = fleet.run(thumbnails(tmp_path / "in", tmp_path / "out", devices=1), on="inline")
    assert (again.leases, again.this_run.frames, again.exit_code) == (0, 0, 3)


def test_any_name_comes_through_whole(library: Library, tmp_path: Path) -> None:
    """Through listing, reading, Parquet and back, in one line of text where people are told."""
    whole: dict[str, str] = {}
    broken: set[str] = set()
    for name in NAMES:
        folder = tmp_path / "in" / f"{name} folder"
        folder.mkdir(parents=True)
        (folder / f"{name}.mp4").write_bytes(library(GOOD[0]))
        (folder / f"{name}2.mp4").write_bytes(b"no video")
        whole[str(folder / f"{name}.mp4")] = name
        broken.add(str(folder / f"{name}2.mp4"))
    lines = Lines()
    job = thumbnails(
        tmp_path / "in", tmp_path / "out", devices=1, partitions=r"(?P<camera>[^/]+) folder/"
    )
    report = fleet.run(job, on="inline", observer=lines)
    assert (report.exit_code, report.refused_videos) == (3, len(NAMES))
    tables = fleet.read(str(tmp_path / "out"))
    seen = tables.frames.to_table().to_pylist()
    assert {row["uri"]: row["camera"] for row in seen} == whole
    assert {row["uri"] for row in tables.errors.to_table().to_pylist()} == broken
    assert lines.lines
    assert all(line.isprintable() for line in lines.lines)
