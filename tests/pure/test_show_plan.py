"""What `fleet plan` prints, and what it works out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.core.interval import Interval
from fleet.core.receipt import Tally
from fleet.core.source import Source
from fleet.driver.outlook.estimate import Cost, Estimate, _here, _makespan
from fleet.driver.outlook.survey import NOTHING, CutVideo, Refused, Stretch
from fleet.plan.lease import Lease, Shard
from fleet.views.plan import render

PLAN = Estimate(
    output="s3://bucket/out",
    table="detections",
    job_digest="ab" * 32,
    soc="Ascend310",
    whole=Stretch(1200, 3600.0 * 1000, 3_600_000),
    done=Stretch(200, 3600.0 * 100, 360_000),
    todo=Stretch(1000, 3600.0 * 900, 3_240_000),
    input_bytes=4 * 10**12,
    fetch_bytes=10**12,
    leases=9000,
    here=Cost(64, 3600.0 * 640, 3600.0 * 10.5, "estimated by a cost model"),
    chip=Cost(64, 3600.0 * 64, 3600.0, "modelled from the data sheet, not measured"),
    chip_s={"vdec": 3600.0 * 64, "model": 40.0},
    refused=(
        Refused("s3://bucket/in/caf\ne.mp4", "it is a text file.", retryable=False),
        Refused("s3://bucket/in/b.mp4", "timed out.", retryable=True),
    ),
    left_aside={".txt": 3},
    index_bytes=0,
    in_use="",
)


def test_a_plan_says_what_it_would_do_take_cost_and_refuse() -> None:
    """In 80 columns; what is modelled is said to be."""
    text = render(PLAN, 0.5)
    for words in (
        "1,000h in 1,200 videos, 3,600,000 frames, 4.0 TB, 2 more refused",
        "left aside  3 names that are no videos (.txt 3)",
        "done        100h (10 %), 360,000 frames",
        "to do       900h in 1,000 videos, 3,240,000 frames, 1.0 TB to fetch at most",
        "leases      9,000 on 64 devices",
        "about 10h, 640.0 device-hours (estimated by a cost model)",
        "Ascend310   1h00m on 64 chips, 64.0 device-hours (modelled from the",
        "320.00 for such devices as here, 32.00 on Ascend310 (modelled)",
        "2 videos will not be processed:",
        r"caf\ne.mp4",
        "timed out. (it may be readable later)",
        "Nothing was changed.",
    ):
        assert " ".join(words.split()) in " ".join(text.split()), text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_a_plan_with_nothing_to_do_says_so() -> None:
    """And who works on the output just now."""
    nothing = replace(
        PLAN, todo=Stretch(0, 0.0, 0), done=PLAN.whole, in_use="fleet run on far-away"
    )
    text = render(nothing, None)
    assert "Nothing is left to do." in text
    assert "in use: fleet run on far-away" in text
    assert "price" not in text


def test_what_was_chosen_stands_beside_the_leases() -> None:
    """Where something was, and something is to do."""
    chosen = "2 devices of 1 core each"
    assert f"  chosen      {chosen}\n" in render(PLAN, None, chosen=chosen)
    assert "chosen" not in render(PLAN, None)
    nothing = replace(PLAN, todo=Stretch(0, 0.0, 0), done=PLAN.whole)
    assert "chosen" not in render(nothing, None, chosen=chosen)


def test_small_sums_are_not_nothing() -> None:
    """Less than half a cent is shown as such."""
    tiny = replace(PLAN, here=Cost(1, 0.5, 0.5, ""), chip=Cost(1, 0.0, 0.0, ""))
    assert "<0.01 for such devices as here, 0.00 on Ascend310" in render(tiny, 1.0)


@pytest.mark.parametrize(
    ("costs", "devices", "wall_s"),
    [([], 3, 0), ([5], 3, 5), ([4, 3, 2, 1], 2, 5), ([1] * 10, 3, 4), ([9, 1, 1, 1], 4, 9)],
)
def test_the_last_device_decides(costs: list[float], devices: int, wall_s: float) -> None:
    """Each takes the next lease as soon as it can."""
    assert _makespan(costs, devices) == wall_s


def lease(cost_s: float, frames: int) -> Lease:
    """A lease of so many frames."""
    interval = Interval("a", "e", 0, 1)
    return Lease("x", (Shard(Source("a", 1, "e"), 0, 1, interval, frames, 1.0, cost_s),))


def test_what_was_measured_counts_for_more_than_the_model() -> None:
    """Once enough frames are done; a basis is always named."""
    leases = [lease(1.0, 10), lease(3.0, 30)]
    model = _here(leases, Tally(frames=49, wall_s=490.0), 1)
    measured = _here(leases, Tally(frames=50, wall_s=500.0), 1)
    assert (model.device_s, "estimated" in model.basis) == (4.0, True)
    assert measured.device_s == pytest.approx(400.0)
    assert "measured on the 50 frames" in measured.basis


def test_files_that_are_cut_off_are_listed_with_what_is_lost() -> None:
    """So many of them, and in the words of a run."""
    cut = CutVideo("s3://bucket/in/c\n.mp4", "The bytes at 9 are no picture: they end.", 1)
    text = render(replace(PLAN, cut_off=(cut,)), None)
    assert "2 more refused, 1 cut off" in " ".join(text.split())
    assert "1 file is cut off: what is missing will be recorded as lost." in text
    assert "c\\n.mp4" in text
    assert "1 frame of it at least will be lost." in " ".join(text.split())
    many = render(replace(PLAN, cut_off=(cut,) * 22), None)
    assert "22 files are cut off" in many
    assert "and 2 more: --json lists them all" in many


def test_a_sample_that_takes_nothing_is_told_with_the_way_out() -> None:
    """Another output is needed only where this one has begun."""
    nothing = Stretch(3, 90.0, 0)
    empty = replace(
        PLAN, whole=nothing, todo=nothing, done=NOTHING, sample="all,from_s=99", longest_s=45.0
    )
    text = " ".join(render(empty, None).split())
    assert "The sample all,from_s=99 takes no frame of these videos, the longest of" in text
    assert "lasts 45s: there are no rows. Choose another --sample. " in text
    done = " ".join(render(replace(empty, todo=NOTHING, done=nothing), None).split())
    assert "Choose another --sample and another --output." in done
    assert "takes no frame" not in render(PLAN, None)
    assert "takes no frame" not in render(replace(empty, whole=NOTHING, todo=NOTHING), None)
