"""A worker that is told to put a lease down, or to end it early."""

from __future__ import annotations

from pathlib import Path

import pytest
from generate import Clip
from pixel_leases import GOP, GOPS, NAMES, lease_of, opened, rows

from fleet.core.receipt import Receipt
from fleet.plan.order import LeaseOrder, order
from fleet.plan.split import split_off
from fleet.worker.outcome import Cancelled

OPEN_H264 = Clip(frames=GOP * GOPS, gop=GOP, gop_kind="open", b_frames=2)
OPEN_H265 = Clip(frames=GOP * GOPS, gop=GOP, gop_kind="open", codec="h265", b_frames=2)
CLOSED = Clip(frames=GOP * GOPS, gop=GOP)


@pytest.mark.parametrize("sample", ["all", "every=4"])
@pytest.mark.parametrize("clip", [OPEN_H264, OPEN_H265, CLOSED], ids=["open", "open265", "closed"])
@pytest.mark.parametrize("seen", [1, 9, 29, 31, 47], ids=lambda seen: f"after-{seen}")
def test_the_prefix_and_the_remainder_of_a_lease_are_the_whole(
    clip: Clip, sample: str, seen: int, tmp_path: Path
) -> None:
    """Wherever it is ended: the prefix is those GOPs' frames, and no row differs in the end."""
    lease, works = lease_of(clip, tmp_path, sample)
    with opened(tmp_path / "whole") as worker:
        whole = worker.run(order(lease, works))
    assert isinstance(whole, Receipt)
    count = iter(range(1000))

    def on_event(_: int) -> None:
        if next(count) == min(seen, whole.tally.frames - 9):
            worker.truncate(lease.id)

    with opened(tmp_path / "cut", on_event) as worker:
        outcome = worker.run(order(lease, works))
        assert isinstance(outcome, Receipt)
        prefix, remainder = split_off(lease, works, NAMES, outcome.intervals)
        assert outcome.lease == prefix.id == lease.id
        assert outcome.tally.frames == prefix.frames
        assert outcome.tally.video_s == pytest.approx(prefix.video_s)
        last = worker.run(order(remainder, works))
    assert isinstance(last, Receipt)
    assert outcome.tally.fetched + last.tally.fetched >= whole.tally.fetched
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")


def test_a_lease_in_its_last_gop_is_done_whole(made: LeaseOrder, tmp_path: Path) -> None:
    """There is nothing to leave for others."""
    count = iter(range(1000))

    def on_event(_: int) -> None:
        if next(count) == 2 * GOP * GOPS - 2:
            worker.truncate(made.lease)

    with opened(tmp_path / "out", on_event) as worker:
        outcome = worker.run(made)
    assert isinstance(outcome, Receipt)
    assert (outcome.lease, outcome.intervals) == (made.lease, made.intervals)


def test_a_lease_that_is_put_down_leaves_nothing(made: LeaseOrder, tmp_path: Path) -> None:
    """In the middle of a GOP; and the same lease can be done afterwards."""
    seen: list[int] = []

    def on_event(frame: int) -> None:
        seen.append(frame)
        if len(seen) == GOP:
            worker.cancel(made.lease)

    with opened(tmp_path / "out", on_event) as worker:
        outcome = worker.run(made)
        assert isinstance(outcome, Cancelled)
        assert outcome.wall_s > 0
        assert len(seen) < 2 * GOP
        assert not list((tmp_path / "out").rglob("*.parquet"))
        assert worker.progress().lease == ""
        assert isinstance(worker.run(made), Receipt)


def test_a_word_may_come_before_its_lease(made: LeaseOrder, tmp_path: Path) -> None:
    """Calls of two kinds overtake each other; one that is done is not put down any more."""
    with opened(tmp_path / "out") as worker:
        worker.cancel(made.lease)
        assert worker.run(made) == Cancelled(made.lease, 0.0)
        assert isinstance(worker.run(made), Receipt)
        worker.cancel(made.lease)
        assert isinstance(worker.run(made), Receipt)
