"""Small files after public reports of what goes wrong: each comes out as a full decode of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from exact import index_of, sequential, sharded

from fleet.errors import NotAVideoError, VideoError

SOUND = {
    "c03_two_avcc.mp4": 40,
    "c03b_two_equal_avcc.mp4": 40,
    "c04_sticky_pps.h264": 50,
    "c04_sticky_pps.mkv": 50,
    "c04b_baseline.h264": 50,
    "c04b_baseline.mkv": 50,
    "c04b_baseline.mp4": 50,
    "c04c_size.h264": 50,
    "c05_stss_third_lies.mp4": 60,
    "c07_no_ctts.mp4": 40,
    "c13_pts_restart.ts": 80,
    "c15_gdr_sei.h264": 62,
    "c16_gaps.h264": 40,
    "c16_gaps.ts": 40,
    "c17_turned.h264": 120,
    "c18_annexb_avcc.mp4": 40,
    "c21_tfdt_reset.mp4": 70,
    "c25_equal_pts_bframes.mp4": 40,
    "c39_noout.mp4": 34,
    "c41_eos.mkv": 36,
}
"""How many frames each has. What is wrong with it, its name says."""
CLOCKS = {
    "c07_no_ctts.mp4": "repaired",
    "c13_pts_restart.ts": "continued",
    "c15_gdr_sei.h264": "the rate",
    "c21_tfdt_reset.mp4": "continued",
    "c25_equal_pts_bframes.mp4": "container",
}


@pytest.fixture(scope="session")
def cases(data_dir: Path) -> Path:
    """The folder of small files, which lies beside that of real clips."""
    folder = data_dir.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"there is no folder {folder}")
    return folder


@pytest.mark.parametrize(("name", "frames"), SOUND.items(), ids=SOUND)
def test_it_comes_out_as_a_full_decode_cut_at_every_key(
    cases: Path, name: str, frames: int
) -> None:
    """Every picture, in the order of a decoder, with times that rise; none is lost."""
    index = index_of(cases / name)
    wanted = np.ones(len(index.order), np.bool_)
    seen, _, _ = sharded(index, list(range(len(index.cuts) + 1)), wanted)
    real = [pixels for _, pixels in sequential(cases / name)]
    assert len(real) == frames
    assert [(n, pixels) for n, _, pixels in sorted(seen)] == list(enumerate(real))
    assert (np.diff(index.packets.pts[index.order]) >= 0).all()


@pytest.mark.parametrize(("name", "clock"), CLOCKS.items(), ids=CLOCKS)
def test_what_was_done_about_its_times_is_said(cases: Path, name: str, clock: str) -> None:
    """Not where they are the container's, as they are."""
    assert index_of(cases / name).stream.clock.startswith(clock)


def test_times_go_on_where_they_start_again(cases: Path) -> None:
    """By the duration of the last picture before."""
    for name in ("c13_pts_restart.ts", "c21_tfdt_reset.mp4"):
        index = index_of(cases / name)
        steps = np.diff(index.packets.pts[index.order])
        assert len(set(steps.tolist())) == 1, name


def test_a_stream_without_any_place_to_begin_is_refused(cases: Path) -> None:
    """Libav gives no picture of it either."""
    assert not sequential(cases / "c15_gdr_nosei.h264")
    with pytest.raises(VideoError, match="decoding may begin"):
        index_of(cases / "c15_gdr_nosei.h264")


def test_the_headers_of_recorders_are_no_videos(cases: Path) -> None:
    """Whatever their name says."""
    for name in ("c29.dav", "c29_imkh.mp4"):
        with pytest.raises(NotAVideoError):
            index_of(cases / name)
