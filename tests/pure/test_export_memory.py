"""What an export holds in memory does not grow with a video, in any format."""

from __future__ import annotations

import tracemalloc
from collections import deque
from collections.abc import Callable

import pytest
from exported_rows import LABELS, long_video

from fleet.export.chosen import video
from fleet.export.chosen.video import Dataset, VideoRows
from fleet.export.formats import FORMATS

AT_ONCE = 50
"""Frames that are turned into Python at once: less than usual, as tracing takes its time."""
FEW, MANY = 2 * AT_ONCE, 20 * AT_ONCE
MOST_BYTES = 40_000
"""By which peaks may differ: what is to be held of so many more boxes, in any form, has more."""


def dataset(*, has_pictures: bool) -> Dataset:
    """What is said of the export."""
    return Dataset(
        output="/out",
        job="ab" * 32,
        labels=LABELS,
        videos=("/videos/long.mp4",),
        suffix=".jpg",
        has_pictures=has_pictures,
        has_tracks=True,
    )


def peak(make: Callable[[], object]) -> int:
    """Return how many bytes more than before there were at once, while something was made."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        make()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("name", "has_pictures"), [*((name, False) for name in FORMATS), ("megadetector", True)]
)
def test_a_longer_video_takes_no_more_memory(
    name: str, has_pictures: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does any of its texts grow with it; the numbering of pictures neither."""
    monkeypatch.setattr(video, "_FRAMES_AT_ONCE", AT_ONCE)
    form = FORMATS[name]
    about = dataset(has_pictures=has_pictures)
    peaks, longest, written = [], [], []
    for frames in (FEW, MANY):
        rows = long_video(frames)
        lengths = {"longest": 0, "all": 0}

        def take(rows: VideoRows = rows, lengths: dict[str, int] = lengths) -> None:
            deque(form.numbering(rows), maxlen=0)
            for piece in form.pieces(about, iter([rows])):
                lengths["longest"] = max(lengths["longest"], len(piece.text))
                lengths["all"] += len(piece.text)

        take()
        lengths |= {"longest": 0, "all": 0}
        peaks.append(peak(take))
        longest.append(lengths["longest"])
        written.append(lengths["all"])
    assert written[1] > 8 * written[0]
    assert longest[1] < 1.2 * longest[0]
    assert peaks[1] - peaks[0] < MOST_BYTES
