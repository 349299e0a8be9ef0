"""Which frames a sampling wants."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from indexes import index_of, indexes

from fleet.video.index import VideoIndex
from fleet.video.sampling import Sampling


def wanted(text: str, index: VideoIndex) -> list[int]:
    """Name the frames that a sampling wants."""
    return np.flatnonzero(Sampling.parse(text).wanted(index)).tolist()


TEN = index_of([(0, 4), (0, 4)])


def test_all_wants_every_frame() -> None:
    """`all` leaves nothing out."""
    assert wanted("all", TEN) == list(range(10))


def test_every_counts_from_frame_0() -> None:
    """`every=4` takes frames 0, 4, 8."""
    assert wanted("every=4", TEN) == [0, 4, 8]


def test_keyframes_takes_the_first_frame_of_each_gop() -> None:
    """Two closed GOPs of five have key frames 0 and 5."""
    assert wanted("keyframes", TEN) == [0, 5]


def test_fps_takes_the_first_frame_at_or_after_each_tick() -> None:
    """At 10 frames/s, 4 a second are the frames at 0, 0.3 (tick 0.25), 0.5 and 0.8 (tick 0.75)."""
    assert wanted("fps=4", TEN) == [0, 3, 5, 8]


def test_fps_is_even_in_time_where_the_frame_rate_is_not() -> None:
    """A burst of frames gives one frame a tick; a gap of several ticks gives one frame."""
    uneven = index_of([(0, 5)], [0, 10, 20, 1000, 1010, 5500])
    assert wanted("fps=1", uneven) == [0, 3, 5]


def test_fps_above_the_frame_rate_takes_every_frame_once() -> None:
    """There are no frames to repeat."""
    assert wanted("fps=1000", TEN) == list(range(10))


def test_a_window_is_in_seconds_from_the_first_frame() -> None:
    """from_s is inside, to_s is not, wherever the pts begin."""
    late = index_of([(0, 9)], [90_000 + 100 * n for n in range(10)])
    assert wanted("all,from_s=0.2,to_s=0.5", late) == [2, 3, 4]


def test_the_first_ones_are_counted_behind_all_else() -> None:
    """Of what is chosen in the window; in any place of the text, and as it is written down."""
    assert wanted("all,first=3", TEN) == [0, 1, 2]
    assert wanted("every=4,from_s=0.3,first=1", TEN) == [4]
    assert wanted("first=2,keyframes", TEN) == [0, 5]
    assert wanted("first=99", TEN) == list(range(10))
    assert str(Sampling.parse("first=2,every=3,to_s=9")) == "every=3,to_s=9,first=2"
    for wrong in ("first=0", "first=-1", "first=x", "all,first=2,every=3"):
        with pytest.raises(ValueError, match=r"first|every"):
            Sampling.parse(wrong)


def test_a_window_does_not_move_the_ticks() -> None:
    """`every` and `fps` count from the start of the video, not of the window."""
    assert wanted("every=4,from_s=0.3", TEN) == [4, 8]


@pytest.mark.parametrize(
    "text", ["all", "every=5", "fps=1", "fps=0.5,from_s=60,to_s=120", "keyframes,to_s=9"]
)
def test_a_sampling_prints_as_it_is_written(text: str) -> None:
    """What is printed can be given again."""
    assert str(Sampling.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "some",
        "every=0",
        "every=x",
        "fps=0",
        "fps=-1",
        "fps=1/0",
        "fps=nan",
        "fps=inf",
        "fps=1e400",
        "fps=1e-400",
        "from_s=-3",
        "from_s=-0.001,to_s=2",
        "from_s=nan",
        "to_s=inf",
        "to_s=1e400",
        "to_s=-1",
        "from_s=1,from_s=2",
        "to_s=1,to_s=2",
        "first=2,first=3",
        "every=2,fps=1",
        "all,from_s=5,to_s=5",
        "keyframes=3",
        "from",
    ],
)
def test_nonsense_is_refused_in_words(text: str) -> None:
    """The message shows what was given."""
    with pytest.raises(ValueError, match=r"\S"):
        Sampling.parse(text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "some"},
        {"kind": "every", "step": 2.5},
        {"kind": "fps", "fps": 0.5},
        {"kind": "fps", "fps": float("nan")},
        {"from_s": Fraction(-3)},
        {"from_s": float("nan")},
        {"to_s": float("inf")},
        {"to_s": float("nan")},
        {"first": 1.5},
    ],
)
def test_what_is_made_in_python_is_checked_as_text_is(wrong: dict[str, Any]) -> None:
    """A float is not taken, as it is not what was written, and may be no number at all."""
    with pytest.raises(ValueError, match=r"\S"):
        Sampling(**wrong)


@pytest.mark.parametrize("number", [np.uint8, np.int8, np.int32, np.int64])
def test_numbers_of_numpy_mean_what_they_say(number: Any) -> None:
    """Though they overflow where Python's own do not."""
    made = Sampling("fps", fps=number(25), from_s=number(3), to_s=number(9), first=number(7))
    assert made == Sampling.parse("fps=25,from_s=3,to_s=9,first=7")
    assert repr(Sampling("every", step=number(5))) == repr(Sampling("every", step=5))
    half = Fraction(number(1), number(2))
    assert repr(Sampling("fps", fps=half)) == repr(Sampling("fps", fps=Fraction(1, 2)))


def test_a_stretch_from_before_the_video_is_refused_by_its_name() -> None:
    """The message says where a video begins."""
    with pytest.raises(ValueError, match=r"from_s=-3: a video begins at 0"):
        Sampling.parse("all,from_s=-3")


@given(indexes(), st.fractions(min_value=Fraction(1, 100), max_value=100))
def test_fps_equals_a_walk_over_the_ticks(index: VideoIndex, fps: Fraction) -> None:
    """The vectorised choice equals the sentence that describes it, for any timestamps and rate."""
    pts = index.packets.pts[index.order].tolist()
    times = [(p - pts[0]) * index.stream.time_base for p in pts]
    chosen = []
    tick = 0
    for number, time in enumerate(times):
        if time * fps >= tick:
            chosen.append(number)
            while time * fps >= tick:
                tick += 1
    sample = Sampling("fps", fps=fps)
    assert np.flatnonzero(sample.wanted(index)).tolist() == chosen
