"""The report at the end of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.loss import LossReason
from fleet.core.receipt import Tally
from fleet.driver.report import RunReport
from fleet.views.summary import render

TALLY = Tally(
    frames=37300,
    video_s=11520,
    bytes_read=1_200_000_000,
    rows=112_420,
    by_label={
        "person": 80210,
        "car": 20100,
        "dog": 3000,
        "cat": 2,
        "bus": 900,
        "truck": 800,
        "bike": 70,
        "kite": 1,
    },
    host_s={"vdec": 302.0, "model": 160.0, "vpc": 41.0, "fetch": 15.0},
    chip_s={"vdec": 77.7, "model": 20.0, "vpc": 3.1},
)
REPORT = RunReport(
    output="build/town",
    table="detections",
    job_digest="ab" * 32,
    total=TALLY,
    this_run=TALLY,
    wall_s=252.0,
    devices=2,
    soc="Ascend310",
    videos=3,
    refused_videos=0,
    leases=24,
    already_done=0,
    quarantined=0,
    interrupted=False,
    peak_rss_bytes=312_000_000,
    video_bytes=4_000_000_000,
    left={".txt": 3, "(AppleDouble)": 8, "(system folder)": 1},
)
LOSSES = (
    LossReason("vdec", "BrokenVideo", 2, 12, "in/a.mp4", "Damaged bytes."),
    LossReason("index", "StreamRefused", 1, 0, "in/b.mp4", "VP9 is not decoded."),
)
WITH_LOSSES = replace(
    REPORT, total=replace(TALLY, errors=3, lost_frames=12), refused_videos=1, losses=LOSSES
)


def test_a_whole_run_in_full() -> None:
    """Every figure in its place, the modelled ones said to be so."""
    assert (
        render(REPORT)
        == """\
Finished: build/town

  video       3h12m in 3 videos
  left aside  12 names that are no videos (AppleDouble 8, .txt 3,
              system folders 1)
  frames      37,300
  detections  112,420: person 80,210, car 20,100, dog 3,000, bus 900, truck 800,
              bike 70, 2 other labels 3
  read        1.2 GB of 4.0 GB (30 %)
  leases      24 in this run
  time here   4m12s on 2 devices, 148 frames/s, 74/device, 312 MB a worker
  CPU here    13.9 ms a frame: vdec 8.10, model 4.29, vpc 1.10, fetch 0.40
  modelled    1m18s on one Ascend310, 39s on 2 (not measured): vdec holds it
              back; engines side by side, busy vdec 100 % 1m18s, model 25 % 20s,
              vpc 3 % 3.1s

Read it with
  duckdb -c "select label, count(*) from 'build/town/detections/*.parquet' group by all order by 2 desc"
Look at it with
  fleet report build/town --out report.html"""
    )


def test_a_figure_stays_with_its_name() -> None:
    """No line begins with a lone number."""
    labels = {f"label {n}": 1000 - n for n in range(7)}
    text = render(replace(REPORT, total=replace(TALLY, by_label=labels)))
    assert "label 3 997,\n              label 4 996, label 5 995, label 6 994\n" in text
    assert "\N{NO-BREAK SPACE}" not in text


def test_errors_come_by_reason_with_an_example() -> None:
    """And where all of them stand."""
    text = render(WITH_LOSSES)
    assert text.startswith("Finished, with errors: build/town\n")
    assert "in 3 videos, 1 refused\n" in text
    assert "37,300, 12 lost" in text
    assert (
        """
3 errors recorded in build/town/errors:
  2 x vdec: BrokenVideo, 12 frames lost, such as
      in/a.mp4: Damaged bytes.
  1 x index: StreamRefused, such as
      in/b.mp4: VP9 is not decoded.
"""
        in text
    )


def test_an_interrupted_run_says_how_to_go_on() -> None:
    """The same command again."""
    text = render(replace(REPORT, interrupted=True))
    assert text.startswith("Interrupted: build/town\n")
    assert text.endswith("To go on, run the same command again: what is committed is kept.")


@pytest.mark.parametrize("early", [{"interrupted": True}, {"unreached": {"v": "it is away"}}])
def test_a_run_that_ended_early_says_how_many_leases_it_did(early: dict[str, Any]) -> None:
    """What it was to do is not what it did."""
    text = render(replace(REPORT, leases=15, leases_done=4, **early))
    assert "leases      4 of 15 in this run" in text


def test_cores_that_had_nothing_else_to_do_are_told_of_beside_the_devices() -> None:
    """With what they decoded; where they did nothing, nothing is said."""
    chosen = replace(REPORT, sized="2 devices of 1 core each, as this machine has 2 cores")
    assert "decoded" not in render(chosen)
    text = " ".join(render(replace(chosen, frames_ahead=3730)).split())
    assert "has 2 cores; cores that no other device had work for decoded 3,730 frames" in text
    assert "(10 %) ahead" in text


def test_a_resumed_run_tells_its_own_work_from_the_whole() -> None:
    """Speed and CPU are those of this run."""
    part = replace(TALLY, frames=2000, host_s={"vdec": 4.0})
    text = render(replace(REPORT, this_run=part, already_done=20, leases=4, wall_s=10.0))
    assert "37,300 (2,000 in this run)" in text
    assert "4 in this run, 20 done before" in text
    assert "10s on 2 devices, 200 frames/s, 100/device" in text
    assert "2.0 ms a frame: vdec 2.00" in text


def test_a_run_that_found_all_done_says_so() -> None:
    """No speed, no model, no division by nothing."""
    text = render(replace(REPORT, this_run=Tally(), already_done=24, leases=0, wall_s=0.3))
    assert "0.3s; no frame was processed in this run" in text
    assert "modelled" not in text
    assert "CPU here" not in text


def test_a_job_without_labels_is_read_row_by_row() -> None:
    """And a quote in the path does not break the line."""
    stills = replace(REPORT, table="stills", output="it's", total=replace(TALLY, by_label={}))
    text = render(stills)
    assert "  stills      112,420\n" in text
    assert "select * from 'it''s/stills/*.parquet' limit 10" in text


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (REPORT, 0),
        (WITH_LOSSES, 3),
        (replace(REPORT, refused_videos=1), 3),
        (replace(REPORT, quarantined=1), 3),
        (replace(REPORT, interrupted=True), 1),
        (replace(WITH_LOSSES, interrupted=True), 1),
    ],
)
def test_the_exit_code_tells_how_it_ended(report: RunReport, code: int) -> None:
    """0 whole, 3 with errors recorded, 1 interrupted."""
    assert report.exit_code == code


def test_a_notebook_shows_one_line() -> None:
    """Not eighteen fields."""
    assert repr(REPORT) == (
        "RunReport(finished: 3 videos, 37,300 frames, 112,420 rows of detections, 4m12s -> build/town)"
    )


COUNTS = st.dictionaries(st.sampled_from("abcdefghijkl"), st.floats(0, 1e6), max_size=12)
TALLIES = st.builds(
    Tally,
    frames=st.integers(0, 10**12),
    lost_frames=st.integers(0, 10**6),
    video_s=st.floats(0, 1e10),
    bytes_read=st.integers(0, 10**18),
    rows=st.integers(0, 10**12),
    errors=st.integers(0, 5),
    by_label=st.dictionaries(
        st.sampled_from(["person", "traffic light", "x"]), st.integers(0, 10**9)
    ),
    host_s=COUNTS,
    chip_s=COUNTS,
)


@given(TALLIES, TALLIES, st.floats(0.01, 1e7), st.integers(1, 10_000), st.integers(0, 30))
def test_any_figures_fit_into_80_columns(
    total: Tally, run: Tally, wall_s: float, devices: int, reasons: int
) -> None:
    """But for the line to be copied, and none raises."""
    losses = tuple(
        LossReason("vdec", "BrokenVideo", 1, n, f"in/{n}.mp4", "x " * 90) for n in range(reasons)
    )
    report = replace(
        REPORT, total=total, this_run=run, wall_s=wall_s, devices=devices, losses=losses
    )
    assert max(len(line) for line in render(report).splitlines() if "duckdb" not in line) <= 80


def test_a_sample_that_takes_nothing_is_told_with_the_way_out() -> None:
    """Only once all videos were looked at, and where one is there that could give some."""
    none = replace(TALLY, frames=0, rows=0, by_label={})
    empty = replace(
        REPORT, total=none, this_run=none, sample="all,from_s=99", wanted_frames=0, longest_s=45.0
    )
    text = " ".join(render(empty).split())
    assert "The sample all,from_s=99 takes no frame of these videos, the longest of which" in text
    assert "Choose another --sample and another --output. Read it with" in text
    assert empty.exit_code == 0
    assert "all,from_s=99 takes no frame" in empty._repr_html_()
    for other in (
        replace(empty, wanted_frames=1),
        replace(empty, wanted_frames=None),
        replace(empty, interrupted=True),
        replace(empty, to_look=1),
        replace(empty, refused_videos=3),
    ):
        assert "takes no frame" not in render(other)
