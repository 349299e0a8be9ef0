"""Which video of the truth is which of the output."""

from __future__ import annotations

import pytest

from fleet.errors import UsageError
from fleet.evaluate.match import match_videos


@pytest.mark.parametrize(
    ("output", "truth", "pairs"),
    [
        (["/in/a.mp4", "/in/b.mp4"], ["/in/a.mp4"], {"/in/a.mp4": "/in/a.mp4"}),
        (["s3://bucket/in/a.mp4"], ["a.mp4", "c.mp4"], {"a.mp4": "s3://bucket/in/a.mp4"}),
        (["/in/1/a.mp4", "/in/2/a.mp4"], ["x/2/a.mp4"], {"x/2/a.mp4": "/in/2/a.mp4"}),
        (
            ["/in/1/a.mp4", "/in/2/a.mp4"],
            ["/in/1/a.mp4", "in/2/a.mp4"],
            {"/in/1/a.mp4": "/in/1/a.mp4", "in/2/a.mp4": "/in/2/a.mp4"},
        ),
        (["/in/a.mp4"], ["C:\\in\\a.mp4"], {"C:\\in\\a.mp4": "/in/a.mp4"}),
    ],
)
def test_videos_are_paired_by_place_then_by_name(
    output: list[str], truth: list[str], pairs: dict[str, str]
) -> None:
    """The same location; else the file name; else the folders above it, from the file upwards."""
    assert match_videos(output, truth) == pairs


@pytest.mark.parametrize(
    ("output", "truth", "said"),
    [
        (["/in/a.mp4"], ["/in/b.mp4"], "different archives.*b.mp4 in the truth, a.mp4 in the output"),
        (["/in/a.mp4"], [], "different archives.*nothing in the truth"),
        ([], ["/in/a.mp4"], "different archives"),
        (["/in/1/a.mp4", "/in/2/a.mp4"], ["a.mp4"], "may be /in/1/a.mp4 or /in/2/a.mp4"),
        (["/in/a.mp4"], ["1/a.mp4", "2/a.mp4"], "1/a.mp4 and 2/a.mp4 of the truth may both be"),
    ],
)  # fmt: skip
def test_what_cannot_be_paired_is_refused(output: list[str], truth: list[str], said: str) -> None:
    """Rather than compared with the wrong video."""
    with pytest.raises(UsageError, match=said):
        match_videos(output, truth)
