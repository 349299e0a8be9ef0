"""The wall-clock time of losses: as they are recorded, and once only some of one is kept."""

from __future__ import annotations

import shutil
from fractions import Fraction
from pathlib import Path

import numpy as np
from digests import Digests
from generate import Clip
from hypothesis import given
from hypothesis import strategies as st
from made_up import JOB, ORIGIN
from wall_clocks import FORM, PATTERN, US, moment, recorded, rows_of

import fleet
from fleet.core.interval import Interval
from fleet.core.interval_set import IntervalTable
from fleet.core.loss import Loss
from fleet.core.receipt import Receipt, Tally
from fleet.core.wall_time import UNKNOWN_TIME, WallTime
from fleet.table.commits.record import CommitRecord
from fleet.table.commits.record_table import Covered, to_table
from fleet.table.maintenance.rewrite import keep
from fleet.table.parts.builder import PartBuilder
from fleet.table.parts.schema import DETECTIONS


def test_what_is_lost_says_when(tmp_path: Path) -> None:
    """A stretch when it begins, a whole video when it starts; by the path, though nothing opens."""
    clip = Clip(frames=40, gop=10)
    path = recorded(clip, tmp_path / "in/cam1/2026-01-14T080000.mp4", tmp_path)
    data = bytearray(path.read_bytes())
    at = data.index(b"mdat") + (len(data) - data.index(b"mdat")) // 2
    data[at : at + 400] = bytes(400)
    path.write_bytes(data)
    (tmp_path / "in/cam1/2026-01-14T090000.mp4").write_bytes(b"no video" * 100)
    shutil.copy(tmp_path / "in/cam1/2026-01-14T090000.mp4", tmp_path / "in/cam1/x.mp4")
    job = fleet.Job(
        Digests(),
        str(tmp_path / "in"),
        str(tmp_path / "out"),
        partitions=PATTERN,
        start=FORM,
        time_zone="UTC",
    )
    assert fleet.run(job, on="inline").exit_code == 3
    losses = rows_of(tmp_path / "out", "errors")
    (broken,), (unknown,) = losses["2026-01-14T090000.mp4"], losses["x.mp4"]
    assert (broken["time"], broken["clock"]) == (moment("2026-01-14T09:00:00Z"), "path")
    assert (unknown["time"], unknown["clock"]) == (None, None)
    for lost in losses[path.name]:
        start_us = round(lost["start_s"] * 1e6)
        assert lost["time"] == moment("2026-01-14T08:00:00Z") + start_us * US
        assert lost["start_s"] > 0


BASES = (Fraction(1, 90000), Fraction(1, 12800), Fraction(1001, 30000), Fraction(1, 10**9))


@given(
    st.sampled_from(BASES),
    st.integers(0, 86400),
    st.integers(2, 10**6),
    st.data(),
)
def test_a_loss_of_which_only_some_is_kept_says_when_that_begins(
    base: Fraction, begins_s: int, ticks: int, data: st.DataObject
) -> None:
    """As exactly as if it had been recorded so."""
    video = WallTime(data.draw(st.integers(0, 2 * 10**15)), "path")
    start = int(begins_s / base) + data.draw(st.integers(0, 1000))
    left = start + data.draw(st.integers(0, ticks - 1))
    builder = PartBuilder(JOB.table, DETECTIONS)
    lost = Loss(
        "a",
        "vdec",
        "X",
        "",
        start_pts=start,
        end_pts=start + ticks,
        start_s=float(start * base),
        end_s=float((start + ticks) * base),
    )
    builder.add_error(lost, video.after(start, base))
    whole = Interval("a", "v1", start, start + ticks)
    receipt = Receipt("ab" * 16, (whole,), (), Tally(errors=1), "npu/0")
    kept = IntervalTable.of([Interval("a", "v1", left, start + ticks)])
    rewritten = keep(
        to_table([CommitRecord(ORIGIN, receipt)]),
        {"errors": [builder.tables()["errors"]]},
        Covered(kept, np.zeros(1, np.int64)),
        {("a", "v1"): float(base)},
    )
    (row,) = rewritten.tables["errors"].to_pylist()
    expected = video.after(left, base)
    assert (row["start_pts"], row["clock"]) == (left, "path")
    assert (row["time"] - moment("1970-01-01T00:00:00Z")) // US == expected.us


def test_a_loss_without_a_time_has_none_when_it_is_cut() -> None:
    """Nor a clock."""
    builder = PartBuilder(JOB.table, DETECTIONS)
    builder.add_error(Loss("a", "index", "X", ""), WallTime(5, "container"))
    builder.add_error(
        Loss("a", "vdec", "X", "", start_pts=0, end_pts=9, start_s=0.0, end_s=9.0), UNKNOWN_TIME
    )
    receipt = Receipt("ab" * 16, (Interval("a", "v1", 0, 9),), (), Tally(errors=2), "npu/0")
    rewritten = keep(
        to_table([CommitRecord(ORIGIN, receipt)]),
        {"errors": [builder.tables()["errors"]]},
        Covered(IntervalTable.of([Interval("a", "v1", 3, 9)]), np.zeros(1, np.int64)),
        {},
    )
    table = rewritten.tables["errors"]
    assert table["time"].null_count == table["clock"].null_count == 2
    assert table["start_pts"].to_pylist() == [3, 3]
