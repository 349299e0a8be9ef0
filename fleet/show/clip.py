"""Which frames to show, and the caption of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fleet.core.frames import Picture
from fleet.errors import UsageError
from fleet.show.decode import DecodedFrame, decode_frames
from fleet.show.detections import Mark, RecordedDetections
from fleet.show.draw import draw_marks
from fleet.video.index import VideoIndex
from fleet.video.sampling import Sampling

MOST_LABELS = 4
"""Labels that a caption counts; of more, the most frequent."""


def frame_at(index: VideoIndex, at_s: Fraction) -> int:
    """Return the number of the frame that is on the screen `at_s` seconds after the first.

    Raises UsageError for a time outside the video.
    """
    _check_inside(index, at_s, "--at")
    ticks = at_s / index.stream.time_base + index.start_pts
    shown = index.packets.pts[index.order]
    return max(0, int(np.searchsorted(shown, ticks.numerator // ticks.denominator, "right")) - 1)


def frames_between(index: VideoIndex, at_s: Fraction, to_s: Fraction) -> NDArray[np.bool_]:
    """Return which frames have at_s <= time < to_s: bool [frames], by frame number.

    Raises UsageError for times outside the video, and where there is no frame between them.
    """
    _check_inside(index, at_s, "--at")
    if to_s <= at_s:
        message = f"--to {_plain(to_s)} is not after --at {_plain(at_s)}."
        raise UsageError(message, "Give the seconds where the stretch begins and where it ends.")
    _check_inside(index, to_s, "--to")
    wanted = Sampling("all", from_s=at_s, to_s=to_s).wanted(index)
    if not wanted.any():
        span = f"{_plain(at_s)} s and {_plain(to_s)} s"
        raise UsageError(f"No frame is shown first between {span}.", "Give a longer stretch.")
    return wanted


def annotated(
    index: VideoIndex, wanted: NDArray[np.bool_], detections: RecordedDetections, chip: str
) -> Generator[tuple[DecodedFrame[NDArray[np.uint8]], NDArray[np.uint8]]]:
    """Yield each wanted frame, and its picture with boxes and a caption: RGB u8, see `draw_marks`.

    A frame that the job did not process shows, drawn thin, the boxes of the last frame that it did.
    """
    with closing(decode_frames(index, wanted, chip, Picture.rgb)) as frames:
        for decoded in frames:
            yield decoded, annotate(index, decoded, detections)


def annotate(
    index: VideoIndex, decoded: DecodedFrame[NDArray[np.uint8]], detections: RecordedDetections
) -> NDArray[np.uint8]:
    """Return a frame's picture, in whatever size it was made, with boxes and a caption below it."""
    name = PurePosixPath(index.source.uri).name
    processed = detections.latest(decoded.frame)
    marks = () if processed is None else detections.marks.get(processed, ())
    held = processed != decoded.frame
    where = f"{name}   {decoded.time_s:.3f} s   frame {decoded.frame}"
    caption = f"{where}   {_summary(processed, marks, held=held)}"
    height, width = decoded.made.shape[:2]
    shown = index.stream.shown_size
    scaled = [_scaled(mark, width / shown.width, height / shown.height) for mark in marks]
    return draw_marks(decoded.made, scaled, caption, held=held)


def _scaled(mark: Mark, across: float, down: float) -> Mark:
    x1, y1, x2, y2 = mark.xyxy
    return replace(mark, xyxy=(x1 * across, y1 * down, x2 * across, y2 * down))


def _summary(processed: int | None, marks: Sequence[Mark], *, held: bool) -> str:
    if processed is None:
        return "not looked at"
    counts = Counter(mark.label for mark in marks).most_common()
    named = [f"{label} {count}" for label, count in counts[:MOST_LABELS]]
    named += ["..."] * (len(counts) > MOST_LABELS)
    of = f"not looked at, boxes of frame {processed}: " if held else ""
    return of + (", ".join(named) or "nothing found")


def _check_inside(index: VideoIndex, time_s: Fraction, option: str) -> None:
    if not 0 <= time_s <= index.duration_s + 1e-6:
        raise UsageError(
            f"{option} {_plain(time_s)} lies outside {index.source.uri}, "
            f"which lasts {index.duration_s:.3f} s.",
            "Give seconds from its first frame.",
        )


def _plain(time_s: Fraction) -> str:
    return f"{float(time_s):g}"
