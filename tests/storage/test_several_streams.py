"""A job over files with two cameras: rows of each, and what is left aside is said."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from digests import Digests
from video_places import two_cameras

import fleet
from fleet.core.run_events import RunEvent, Warned


class Warnings:
    """Notes what is warned of."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def on_event(self, event: RunEvent) -> None:
        """See Observer."""
        if isinstance(event, Warned):
            self.texts.append(event.text)


@pytest.fixture
def dashcam(tmp_path: Path) -> Path:
    """A folder with one file of two cameras."""
    folder, raw = tmp_path / "in", tmp_path / "raw"
    folder.mkdir()
    raw.mkdir()
    two_cameras(folder / "trip.mkv", raw)
    return folder


@pytest.mark.parametrize(
    ("streams", "frames"),
    [
        ("all", {"trip.mkv": 20, "trip.mkv#stream=1": 14}),
        ("first", {"trip.mkv": 20}),
        (1, {"trip.mkv#stream=1": 14}),
    ],
)
def test_rows_of_the_streams_that_are_taken(
    tmp_path: Path, dashcam: Path, streams: Literal["all", "first"] | int, frames: dict[str, int]
) -> None:
    """By an address of its own each; the same command again does nothing."""
    job = fleet.Job(
        work=Digests(), inputs=[str(dashcam)], output=str(tmp_path / "out"), streams=streams
    )
    watched = Warnings()
    report = fleet.run(job, on="inline", observer=watched)
    assert report.videos == len(frames)
    uris = fleet.read(job.output).table("digests").to_table()["uri"].to_pylist()
    assert {Path(uri).name: uris.count(uri) for uri in set(uris)} == frames
    assert any("left aside" in text for text in watched.texts) == (len(frames) == 1)
    again = fleet.run(job, on="inline")
    assert (again.this_run.frames, again.total.frames) == (0, sum(frames.values()))
