"""`fleet plan`'s time on a real chip is what the run then counts, engine by engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pytest
from generate import Clip, write

import fleet
from fleet.driver.outlook import survey
from fleet.driver.outlook.estimate import estimate, simulation_input
from fleet.driver.session import load_session
from fleet.driver.target.chip_time import modelled_s
from fleet.driver.target.target import resolve_target
from fleet.errors import JobCodeError, UsageError
from fleet.job.code import load_job_class
from fleet.views.plan import render as render_plan
from fleet.views.summary import render as render_summary

JOBS = Path(__file__).parents[2] / "jobs"
CHIPS = ("Ascend310", "Ascend310P3", "Ascend910A")


def thumbnails() -> fleet.FrameJob[fleet.Device]:
    """The job of the checkout that scales on VPC and encodes on JPEGE."""
    made: fleet.FrameJob[fleet.Device] = load_job_class("thumbnails.py:Thumbnails", JOBS)()
    return made


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An upright clip of each codec, one that is turned, and one whose pixels are not square."""
    folder = tmp_path_factory.mktemp("archive")
    write(Clip(frames=30), folder / "h264.mp4")
    write(Clip(codec="h265", frames=20), folder / "h265.mp4")
    write(Clip(frames=15, rotation=90), folder / "turned.mp4")
    write(Clip(frames=15, sample_aspect=Fraction(4, 3)), folder / "wide.mp4")
    return folder


def job_of(work: fleet.FrameJob[fleet.Device], archive: Path, output: Path, chip: str) -> fleet.Job:
    """A job over every frame of the archive."""
    return fleet.Job(work, inputs=str(archive), output=str(output), soc=chip)


@pytest.mark.parametrize("chip", CHIPS)
def test_the_plan_counts_what_the_run_counts(archive: Path, tmp_path: Path, chip: str) -> None:
    """VDEC, VPC and JPEGE to the last digit; of copies, all but the JPEGs, whose size is unknown."""
    job = job_of(thumbnails(), archive, tmp_path / "out", chip)
    planned = estimate(load_session(resolve_target(job)), 2)
    counted = fleet.run(job, on="inline").this_run.chip_s
    for engine in ("vdec", "vpc", "jpege"):
        assert planned.chip_s[engine] == pytest.approx(counted[engine]), engine
    assert 0 < planned.chip_s["copy"] < counted["copy"]
    assert set(planned.chip_s) == set(counted)


def test_the_plan_is_the_same_however_many_videos_are_looked_at_at_once(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last digit, leases included; work is let go of in between."""
    found = []
    for at_once in (1, 3, 100):
        monkeypatch.setattr(survey, "AT_ONCE", at_once)
        session = load_session(
            resolve_target(job_of(thumbnails(), archive, tmp_path / "out", "Ascend310"))
        )
        leases = list(simulation_input(session).bundle(5))
        found.append((estimate(session, 2), leases))
    assert found[0] == found[1] == found[2]
    assert found[0][0].whole.videos == 4


def test_both_say_what_holds_the_chip_back(archive: Path, tmp_path: Path) -> None:
    """The engine that takes longest, and that it is modelled."""
    job = job_of(thumbnails(), archive, tmp_path / "out", "Ascend310")
    planned = estimate(load_session(resolve_target(job)), 2)
    slowest = max(planned.chip_s, key=lambda engine: planned.chip_s[engine])
    for text in (render_plan(planned, None), render_summary(fleet.run(job, on="inline"))):
        assert f"{slowest} holds it back" in " ".join(text.split())
        assert f"{slowest} 100 %" in " ".join(text.split())
        assert "modelled" in text


@dataclass(frozen=True)
class Odd(fleet.FrameJob[fleet.Device]):
    """A job that says something odd of itself."""

    table: ClassVar[str] = "odd"
    schema: ClassVar[pa.Schema] = pa.schema([])
    raises: bool = False

    def chip_use(self, size: fleet.Size) -> Mapping[str, Sequence[fleet.Size]]:
        """Raise, or name an engine that there is not."""
        if self.raises:
            raise KeyError("no size")
        return {"scaler": [size]}

    def run(self, opened: fleet.Device, batch: fleet.FrameBatch) -> fleet.Rows:
        """Return no rows."""
        del opened, batch
        return fleet.Rows(np.zeros(0, np.int32), {})


def test_what_a_job_says_of_itself_is_checked(archive: Path, tmp_path: Path) -> None:
    """An unknown engine is refused, and what its code raises says whose it is."""
    with pytest.raises(UsageError, match="'scaler'"):
        estimate(load_session(resolve_target(job_of(Odd(), archive, tmp_path, "Ascend310"))), 1)
    raising = load_session(resolve_target(job_of(Odd(raises=True), archive, tmp_path, "Ascend310")))
    with pytest.raises(JobCodeError, match=r"chip_use raised KeyError: .* \(.*, line \d+\)$"):
        estimate(raising, 1)


def test_no_videos_take_no_time() -> None:
    """Nothing is asked of the job."""
    from fleet.ascend.soc import Ascend310

    assert modelled_s([], [], Odd(raises=True), Ascend310) == {}
